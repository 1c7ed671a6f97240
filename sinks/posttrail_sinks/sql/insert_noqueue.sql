-- A refusal that comes again is passed over; of two origins the smaller stays.
INSERT INTO noqueue AS n (
    t, line_id, origin_partition, origin_offset, ordinal, host, instance, component, service, pid,
    action, phase, client_name, client_addr, client_port, sender, recipient, proto, helo,
    sasl_method, sasl_username, sasl_sender, code, dsn, reason, ambiguous
)
SELECT DISTINCT ON (t, line_id)
    instant(t), line_id, origin_partition, origin_offset, ordinal, host, instance, component,
    service, pid, action, phase, client_name, client_addr, client_port, sender, recipient, proto,
    helo, sasl_method, sasl_username, sasl_sender, code, dsn, reason, ambiguous
FROM stage_noqueue
ORDER BY t, line_id, origin_partition, origin_offset, ordinal
ON CONFLICT (t, line_id) DO UPDATE SET
    origin_partition = excluded.origin_partition, origin_offset = excluded.origin_offset
WHERE (excluded.origin_partition, excluded.origin_offset) < (n.origin_partition, n.origin_offset)
