INSERT INTO set_aside (
    t, received, origin_partition, origin_offset, ordinal, kind, reason, fact
)
SELECT
    instant(t), instant(received), origin_partition, origin_offset, ordinal, kind, reason, fact
FROM stage_aside
ORDER BY origin_partition, origin_offset, kind, ordinal
ON CONFLICT DO NOTHING
