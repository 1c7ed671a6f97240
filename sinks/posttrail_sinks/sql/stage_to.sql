CREATE TEMP TABLE IF NOT EXISTS stage_to (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C", born bigint,
    recipient text COLLATE "C", orig_recipient text COLLATE "C",
    t_first bigint, t_last bigint, is_final boolean, t bigint, origin_partition integer,
    origin_offset bigint, ordinal integer,
    status text, probe boolean, softbounce boolean, ambiguous boolean,
    relay text, relay_name text, relay_addr inet, relay_port integer, delay real,
    conn_use integer, tls text, dsn text, response text, next_queue_id text,
    delays real[], attempt_ids bigint[], attempts jsonb
) ON COMMIT DELETE ROWS
