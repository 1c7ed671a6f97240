CREATE TEMP TABLE IF NOT EXISTS stage_gone (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C", born bigint,
    first bigint
) ON COMMIT DELETE ROWS
