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
FROM stage_to
ORDER BY queue_id, host, instance, born, recipient, orig_recipient
ON CONFLICT (queue_id, host, instance, born, recipient, orig_recipient) DO UPDATE SET
    t_first = LEAST(d.t_first, excluded.t_first),
    t_last = GREATEST(d.t_last, excluded.t_last),
    (
        is_final, t, origin_partition, origin_offset, ordinal,
        relay, relay_name, relay_addr, relay_port, delay, delays, conn_use, tls, dsn, status,
        probe, softbounce, response, next_queue_id, ambiguous
    ) = (
        SELECT g.* FROM (VALUES (
            d.is_final, d.t, d.origin_partition, d.origin_offset, d.ordinal,
            d.relay, d.relay_name, d.relay_addr, d.relay_port, d.delay, d.delays, d.conn_use,
            d.tls, d.dsn, d.status, d.probe, d.softbounce, d.response, d.next_queue_id,
            d.ambiguous
        ), (
            excluded.is_final, excluded.t, excluded.origin_partition, excluded.origin_offset,
            excluded.ordinal,
            excluded.relay, excluded.relay_name, excluded.relay_addr, excluded.relay_port,
            excluded.delay, excluded.delays, excluded.conn_use,
            excluded.tls, excluded.dsn, excluded.status, excluded.probe, excluded.softbounce,
            excluded.response, excluded.next_queue_id,
            excluded.ambiguous
        )) AS g (
            is_final, t, origin_partition, origin_offset, ordinal,
            relay, relay_name, relay_addr, relay_port, delay, delays, conn_use, tls, dsn, status,
            probe, softbounce, response, next_queue_id, ambiguous
        )
        ORDER BY is_final DESC, t DESC, origin_partition DESC, origin_offset DESC, ordinal DESC
        LIMIT 1
    ),
    attempts = CASE WHEN d.attempt_ids @> excluded.attempt_ids THEN d.attempts
        ELSE newest_attempts(d.attempts, excluded.attempts) END,
    attempt_ids = CASE WHEN d.attempt_ids @> excluded.attempt_ids THEN d.attempt_ids
        ELSE set_union(d.attempt_ids, excluded.attempt_ids) END
