-- The refusals of one day: half as many as mails, most of them from few strangers.
INSERT INTO {part} (t, origin_offset, origin_partition, ordinal, line_id, ambiguous, host, instance,
    component, action, phase, client_addr, client_name, sender, recipient, proto, helo, code, dsn, reason)
SELECT born, n, 0, 0, n, false, 'mx' || n %% 8, 'postfix', 'smtpd', 'reject', 'RCPT',
    '10.1.0.0'::inet + client, CASE WHEN client %% 3 = 0 THEN 'unknown' ELSE 'dyn' || client || '.example' END,
    'spam' || stranger || '@s' || floor(stranger ^ 0.7) || '.example',
    'rcpt' || k || '_1@' || CASE WHEN k %% 5 < 2 THEN 'big.example' ELSE 'r' || k / 200 || '.example' END,
    'ESMTP', 'dyn' || client || '.example', '554', '5.7.1', 'Service unavailable; client blocked'
FROM (
    SELECT n, %(day)s::timestamptz + (n - %(first)s) * interval '2 days' / %(mails)s AS born,
        floor(2000000 * random() ^ 4)::bigint AS k, floor(60000 * random() ^ 3)::bigint AS client,
        floor(500000 * random() ^ 2)::bigint AS stranger
    FROM generate_series(%(first)s, %(first)s + %(mails)s / 2 - 1) AS n
) AS refusal
