CREATE TEMP TABLE IF NOT EXISTS stage_id (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C"
) ON COMMIT DELETE ROWS
