-- A mail that expired takes its deferred recipients with it, whichever line came first.
-- The bounds leave the partitions of other days out of the plan.
UPDATE delivery_to AS r
SET status = 'expired'
FROM (
    SELECT queue_id, host, instance, instant(born) AS born FROM stage_to WHERE NOT is_final
    UNION
    SELECT queue_id, host, instance, instant(born) FROM stage_from WHERE expired_at IS NOT NULL
) AS touched
JOIN delivery_from AS f USING (queue_id, host, instance, born)
WHERE f.expired_at IS NOT NULL
  AND f.born BETWEEN instant(%(first)s) AND instant(%(last)s)
  AND r.born BETWEEN instant(%(first)s) AND instant(%(last)s)
  AND r.queue_id = f.queue_id AND r.host = f.host AND r.instance = f.instance
  AND r.born = f.born AND r.status = 'deferred'
