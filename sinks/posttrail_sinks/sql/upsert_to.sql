-- The row shows one attempt: an end beats a deferral, among equals the later wins, by (time, origin).
INSERT INTO delivery_to AS d (
    queue_id, host, instance, born, recipient, orig_recipient, t_first, t_last,
    is_final, t, origin_partition, origin_offset, ordinal,
    relay, relay_name, relay_addr, relay_port, delay, delays, conn_use, tls, dsn, status,
    probe, softbounce, response, next_queue_id, ambiguous, attempt_ids, attempts
)
SELECT
    queue_id, host, instance, instant(born), recipient, orig_recipient, instant(t_first),
    instant(t_last), is_final, instant(t), origin_partition, origin_offset, ordinal,
    relay, relay_name, relay_addr, relay_port, delay, delays, conn_use, tls, dsn, status,
    probe, softbounce, response, next_queue_id, ambiguous, attempt_ids, attempts
FROM stage_to  -- which holds them in the order of the key
ON CONFLICT (queue_id, host, instance, born, recipient, orig_recipient) DO UPDATE SET
    t_first = LEAST(d.t_first, excluded.t_first),
    t_last = GREATEST(d.t_last, excluded.t_last),
    t = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.t ELSE d.t END,
    origin_partition = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.origin_partition ELSE d.origin_partition END,
    origin_offset = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.origin_offset ELSE d.origin_offset END,
    ordinal = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.ordinal ELSE d.ordinal END,
    relay = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.relay ELSE d.relay END,
    relay_name = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.relay_name ELSE d.relay_name END,
    relay_addr = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.relay_addr ELSE d.relay_addr END,
    relay_port = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.relay_port ELSE d.relay_port END,
    delay = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.delay ELSE d.delay END,
    delays = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.delays ELSE d.delays END,
    conn_use = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.conn_use ELSE d.conn_use END,
    tls = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.tls ELSE d.tls END,
    dsn = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.dsn ELSE d.dsn END,
    status = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.status ELSE d.status END,
    probe = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.probe ELSE d.probe END,
    softbounce = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.softbounce ELSE d.softbounce END,
    response = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.response ELSE d.response END,
    next_queue_id = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.next_queue_id ELSE d.next_queue_id END,
    ambiguous = CASE WHEN (excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset, excluded.ordinal) > (d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal) THEN excluded.ambiguous ELSE d.ambiguous END,
    is_final = d.is_final OR excluded.is_final,
    attempts = CASE WHEN d.attempts @> excluded.attempts THEN d.attempts
        ELSE newest_attempts(d.attempts, excluded.attempts) END,
    attempt_ids = CASE WHEN d.attempt_ids @> excluded.attempt_ids THEN d.attempt_ids
        ELSE set_union(d.attempt_ids, excluded.attempt_ids) END
