CREATE TEMP TABLE IF NOT EXISTS stage_undone (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C",
    origin_partition integer, origin_offset bigint, ordinal integer, kind text COLLATE "C",
    born bigint
) ON COMMIT DELETE ROWS
