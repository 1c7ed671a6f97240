CREATE TEMP TABLE IF NOT EXISTS stage_aside (
    t bigint, received bigint, origin_partition integer, origin_offset bigint, ordinal integer,
    kind text, reason text, fact text
) ON COMMIT DELETE ROWS
