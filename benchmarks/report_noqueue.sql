-- The refusals of one day: a third as many as mails.
INSERT INTO {part} (t, line_id, origin_offset, origin_partition, ordinal, client_addr, client_name, ambiguous,
    host, instance, component, action, phase, sender, recipient, code, dsn, reason)
SELECT %(day)s::timestamptz + n * interval '1 day' / (%(mails)s / 3 + 1), n, n, 0, 0,
    '10.0.0.0'::inet + n %% 30000, 'client.example', false, 'mx' || n %% 8, 'postfix', 'smtpd', 'reject', 'RCPT',
    's' || n %% 9999 || '@spam.example', 'r' || n %% 99999 || '@big.example', '554', '5.7.1',
    CASE WHEN n %% 3 = 0 THEN '<r' || n %% 99999 || '@big.example>: Relay access denied'
        ELSE 'Service unavailable; Client host [10.0.0.' || n %% 20 || '] blocked using dnsbl.example' END
FROM generate_series(1, %(mails)s / 3) AS n
