-- A line is known by its origin: what comes again is passed over.
INSERT INTO noqueue (
    t, origin_partition, origin_offset, ordinal, host, instance, component, service, pid,
    action, phase, client_name, client_addr, client_port, sender, recipient, proto, helo,
    sasl_method, sasl_username, sasl_sender, code, dsn, reason, ambiguous
)
SELECT
    instant(t), origin_partition, origin_offset, ordinal, host, instance, component, service, pid,
    action, phase, client_name, client_addr, client_port, sender, recipient, proto, helo,
    sasl_method, sasl_username, sasl_sender, code, dsn, reason, ambiguous
FROM stage_noqueue
ORDER BY t, origin_partition, origin_offset, ordinal
ON CONFLICT DO NOTHING
