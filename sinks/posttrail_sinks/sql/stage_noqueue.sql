CREATE TEMP TABLE IF NOT EXISTS stage_noqueue (
    t bigint, line_id bigint, origin_partition integer, origin_offset bigint, ordinal integer,
    host text, instance text, component text, service text, pid integer,
    action text, phase text, client_name text, client_addr inet, client_port integer,
    sender text, recipient text, proto text, helo text,
    sasl_method text, sasl_username text, sasl_sender text,
    code text, dsn text, reason text, ambiguous boolean
) ON COMMIT DELETE ROWS
