CREATE TEMP TABLE IF NOT EXISTS stage_gap (
    t bigint, line_id bigint, origin_partition integer, origin_offset bigint, ordinal integer,
    host text, source text, lines bigint, reason text
) ON COMMIT DELETE ROWS
