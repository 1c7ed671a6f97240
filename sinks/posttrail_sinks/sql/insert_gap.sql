INSERT INTO log_gap (t, origin_partition, origin_offset, ordinal, host, source, lines, reason)
SELECT instant(t), origin_partition, origin_offset, ordinal, host, source, lines, reason
FROM stage_gap
ORDER BY origin_partition, origin_offset, ordinal
ON CONFLICT DO NOTHING
