-- A mail with much to show, of those with an attempt from these raw offsets on.
WITH found AS (
    SELECT queue_id, host, instance, born, attempt_count FROM delivery_to
    WHERE NOT probe
        AND origin_offset >= coalesce((%(since)s::jsonb ->> origin_partition::text)::bigint, 0)
    LIMIT 2000
)
SELECT queue_id FROM found
GROUP BY queue_id, host, instance, born
HAVING count(*) <= 5
ORDER BY count(*) DESC, sum(attempt_count) DESC, queue_id
LIMIT 1
