-- Where a batch lands before it is merged: the session's own tables, without WAL, empty after each
-- transaction. Times are microseconds since 1970.
CREATE TEMP TABLE IF NOT EXISTS stage_from (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C", born bigint,
    t_first bigint, t_last bigint,
    expired_at bigint, removed_at bigint, uid bigint, size bigint, nrcpt integer,
    client_port integer, client_name text, sasl_method text, sasl_username text,
    sasl_sender text, orig_queue_id text, orig_client_name text, requeued_from text,
    message_id text, resent_message_id text, subject text, proto text, helo text,
    client_addr inet, orig_client_addr inet,
    sender_rank smallint, sender text, verp_id text, verp_sender text,
    status_order bigint[], status text, reason_order bigint[], reason text,
    bounce_ids text[], delay_ids text[], dsn_ids text[],
    partial boolean, ambiguous boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_to (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C", born bigint,
    recipient text COLLATE "C", orig_recipient text COLLATE "C",
    t_first bigint, t_last bigint, is_final boolean, t bigint, origin_partition integer,
    origin_offset bigint, ordinal integer,
    relay text, relay_name text, relay_addr inet, relay_port integer, delay real, delays real[],
    conn_use integer, tls text, dsn text, status text, probe boolean, softbounce boolean,
    response text, next_queue_id text, ambiguous boolean,
    attempt_ids bigint[], attempts jsonb
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_noqueue (
    t bigint, origin_partition integer, origin_offset bigint, ordinal integer,
    host text, instance text, component text, service text, pid integer,
    action text, phase text, client_name text, client_addr inet, client_port integer,
    sender text, recipient text, proto text, helo text,
    sasl_method text, sasl_username text, sasl_sender text,
    code text, dsn text, reason text, ambiguous boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_gap (
    t bigint, origin_partition integer, origin_offset bigint, ordinal integer,
    host text, source text, lines bigint, reason text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_aside (
    t bigint, received bigint, origin_partition integer, origin_offset bigint, ordinal integer,
    kind text, reason text, fact text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_id (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C"
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_short (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C",
    origin_partition integer, origin_offset bigint, ordinal integer, kind text COLLATE "C",
    received bigint, born bigint, fact text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_move (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C",
    origin_partition integer, origin_offset bigint, ordinal integer, kind text COLLATE "C",
    old_born bigint, new_born bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_gone (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C", born bigint,
    first bigint
) ON COMMIT DELETE ROWS;
