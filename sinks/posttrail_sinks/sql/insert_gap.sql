-- A gap that comes again is passed over; of two origins the smaller stays.
INSERT INTO log_gap AS g (
    t, line_id, origin_partition, origin_offset, ordinal, host, source, lines, reason
)
SELECT DISTINCT ON (t, line_id)
    instant(t), line_id, origin_partition, origin_offset, ordinal, host, source, lines, reason
FROM stage_gap
ORDER BY t, line_id, origin_partition, origin_offset, ordinal
ON CONFLICT (t, line_id) DO UPDATE SET
    origin_partition = excluded.origin_partition, origin_offset = excluded.origin_offset
WHERE (excluded.origin_partition, excluded.origin_offset) < (g.origin_partition, g.origin_offset)
