-- The recipients of one day's mails: one and a half for each.
INSERT INTO {part} (queue_id, host, instance, born, recipient, orig_recipient, t_first, t_last, t,
    origin_partition, origin_offset, ordinal, is_final, probe, softbounce, ambiguous, relay, relay_name,
    relay_addr, dsn, delay, response, status, attempt_ids, attempts)
SELECT 'B' || lpad(to_hex(n), 9, '0') || 'z', 'mx' || n %% 8, 'postfix', born, recipient, recipient,
    born, born + interval '2 s', born + interval '2 s', 0, n, i, status <> 'deferred', false, false, false,
    relay || '[192.0.2.7]:25', relay, '192.0.2.7', CASE status WHEN 'sent' THEN '2.0.0' ELSE '5.1.1' END,
    2, '250 2.0.0 Ok: queued as ' || to_hex(n), status, ARRAY[n],
    jsonb_build_array(jsonb_build_object('t', n, 'origin', ARRAY[0, n], 'status', status, 'relay', relay))
FROM (
    SELECT n, i, %(day)s::timestamptz + (n - %(first)s) * interval '1 day' / %(mails)s AS born,
        'rcpt' || k || '_' || i || '@' || domain AS recipient, 'mx.' || domain AS relay,
        CASE WHEN chance < 0.94 THEN 'sent' WHEN chance < 0.97 THEN 'bounced'
            WHEN chance < 0.99 THEN 'deferred' WHEN chance < 0.999 THEN 'rejected' ELSE 'expired' END AS status
    FROM (
        SELECT n, i, k, random() AS chance,
            CASE WHEN k %% 5 < 2 THEN 'big.example' ELSE 'r' || k / 200 || '.example' END AS domain
        FROM (
            SELECT n, i, floor(2000000 * random() ^ 4)::bigint AS k
            FROM generate_series(%(first)s, %(first)s + %(mails)s - 1) AS n
            CROSS JOIN LATERAL generate_series(1, CASE WHEN n %% 100 < 80 THEN 1 WHEN n %% 100 < 92
                THEN 2 WHEN n %% 100 < 97 THEN 3 WHEN n %% 100 < 99 THEN 5 ELSE 20 END) AS i
        ) AS a
    ) AS b
) AS c
