CREATE TEMP TABLE IF NOT EXISTS stage_short (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C",
    origin_partition integer, origin_offset bigint, ordinal integer, kind text COLLATE "C",
    received bigint, born bigint, fact text
) ON COMMIT DELETE ROWS
