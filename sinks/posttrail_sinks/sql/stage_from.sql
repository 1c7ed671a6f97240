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
    bounce_ids text[], delay_ids text[], dsn_ids text[], line_ids bigint[],
    partial boolean, ambiguous boolean
) ON COMMIT DELETE ROWS
