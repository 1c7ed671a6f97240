INSERT INTO short_fact (
    queue_id, host, instance, origin_partition, origin_offset, ordinal, kind, received, born, fact
)
SELECT
    queue_id, host, instance, origin_partition, origin_offset, ordinal, kind, received, born, fact
FROM stage_short
ORDER BY queue_id, host, instance, origin_offset, origin_partition, ordinal, kind
ON CONFLICT DO NOTHING
