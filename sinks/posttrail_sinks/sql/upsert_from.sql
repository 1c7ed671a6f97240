-- Every column merges by a join: least, greatest, or, union, greatest by an order that is kept.
-- In key order: two sinks that meet wait for each other, and never in a circle.
INSERT INTO delivery_from AS d (
    queue_id, host, instance, born, t_first, t_last,
    removed_at, expired_at, uid, size, nrcpt, client_port, client_name, sasl_method,
    sasl_username, sasl_sender, orig_queue_id, orig_client_name, requeued_from, message_id,
    resent_message_id, subject, proto, helo, client_addr, orig_client_addr,
    sender_rank, sender, verp_id, verp_sender, status_order, status, reason_order, reason,
    bounce_ids, delay_ids, dsn_ids, line_ids, partial, ambiguous
)
SELECT
    queue_id, host, instance, instant(born), instant(t_first), instant(t_last),
    instant(removed_at), instant(expired_at), uid, size, nrcpt, client_port, client_name,
    sasl_method, sasl_username, sasl_sender, orig_queue_id, orig_client_name, requeued_from,
    message_id, resent_message_id, subject, proto, helo, client_addr, orig_client_addr,
    sender_rank, sender, verp_id, verp_sender, status_order, status, reason_order, reason,
    bounce_ids, delay_ids, dsn_ids, line_ids, partial, ambiguous
FROM stage_from  -- which holds them in the order of the key
ON CONFLICT (queue_id, host, instance, born) DO UPDATE SET
    t_first = LEAST(d.t_first, excluded.t_first),
    t_last = GREATEST(d.t_last, excluded.t_last),
    removed_at = GREATEST(d.removed_at, excluded.removed_at),
    expired_at = GREATEST(d.expired_at, excluded.expired_at),
    uid = GREATEST(d.uid, excluded.uid),
    size = GREATEST(d.size, excluded.size),
    nrcpt = GREATEST(d.nrcpt, excluded.nrcpt),
    client_port = GREATEST(d.client_port, excluded.client_port),
    client_name = GREATEST(d.client_name, excluded.client_name),
    sasl_method = GREATEST(d.sasl_method, excluded.sasl_method),
    sasl_username = GREATEST(d.sasl_username, excluded.sasl_username),
    sasl_sender = GREATEST(d.sasl_sender, excluded.sasl_sender),
    orig_queue_id = GREATEST(d.orig_queue_id, excluded.orig_queue_id),
    orig_client_name = GREATEST(d.orig_client_name, excluded.orig_client_name),
    requeued_from = GREATEST(d.requeued_from, excluded.requeued_from),
    message_id = GREATEST(d.message_id, excluded.message_id),
    resent_message_id = GREATEST(d.resent_message_id, excluded.resent_message_id),
    subject = GREATEST(d.subject, excluded.subject),
    proto = GREATEST(d.proto, excluded.proto),
    helo = GREATEST(d.helo, excluded.helo),
    client_addr = GREATEST(d.client_addr, excluded.client_addr),
    orig_client_addr = GREATEST(d.orig_client_addr, excluded.orig_client_addr),
    -- What qmgr logs is the sender after rewriting: it beats what pickup and cleanup log.
    verp_id = CASE WHEN excluded.sender_rank IS NULL OR ((d.sender_rank, d.sender, coalesce(d.verp_id, ''), coalesce(d.verp_sender, ''))
        >= (excluded.sender_rank, excluded.sender, coalesce(excluded.verp_id, ''),
            coalesce(excluded.verp_sender, '')))
        THEN d.verp_id ELSE excluded.verp_id END,
    verp_sender = CASE WHEN excluded.sender_rank IS NULL OR ((d.sender_rank, d.sender, coalesce(d.verp_id, ''), coalesce(d.verp_sender, ''))
        >= (excluded.sender_rank, excluded.sender, coalesce(excluded.verp_id, ''),
            coalesce(excluded.verp_sender, '')))
        THEN d.verp_sender ELSE excluded.verp_sender END,
    sender = CASE WHEN excluded.sender_rank IS NULL
        OR (d.sender_rank, d.sender) >= (excluded.sender_rank, excluded.sender)
        THEN d.sender ELSE excluded.sender END,
    sender_rank = GREATEST(d.sender_rank, excluded.sender_rank),
    status = CASE WHEN d.status_order IS NULL OR excluded.status_order > d.status_order
        THEN excluded.status ELSE d.status END,
    status_order = GREATEST(d.status_order, excluded.status_order),
    reason = CASE WHEN d.reason_order IS NULL OR excluded.reason_order > d.reason_order
        THEN excluded.reason ELSE d.reason END,
    reason_order = GREATEST(d.reason_order, excluded.reason_order),
    bounce_ids = set_union(d.bounce_ids, excluded.bounce_ids),
    delay_ids = set_union(d.delay_ids, excluded.delay_ids),
    dsn_ids = set_union(d.dsn_ids, excluded.dsn_ids),
    line_ids = CASE WHEN excluded.line_ids IS NULL OR d.line_ids @> excluded.line_ids
        THEN d.line_ids ELSE set_union(d.line_ids, excluded.line_ids) END,
    partial = d.partial AND excluded.partial,
    ambiguous = d.ambiguous OR excluded.ambiguous
