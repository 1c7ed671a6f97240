-- The recipients of one day's mails: one and a half for each, some after several attempts. Delays have two
-- digits, as Postfix logs them.
INSERT INTO {part} (queue_id, host, instance, born, recipient, orig_recipient, t_first, t_last, t,
    origin_partition, origin_offset, ordinal, is_final, probe, softbounce, ambiguous, relay, relay_name,
    relay_addr, dsn, delay, delays, response, status, attempt_ids, attempts)
SELECT 'C' || lpad(to_hex(n), 9, '0') || 'z', 'mx' || n %% 8, 'postfix', born, recipient, recipient,
    born, ended, ended, 0, n, i, status <> 'deferred', false, false, false, relay || '[192.0.2.7]:25', relay,
    '192.0.2.7', CASE status WHEN 'sent' THEN '2.0.0' ELSE '5.1.1' END, seconds,
    ARRAY[0.1, CASE times WHEN 1 THEN 0 ELSE seconds END, n %% 40 / 100.0, i %% 40 / 10.0]::real[], reply, status,
    ARRAY(SELECT n * 64 + a FROM generate_series(1, times) AS a),
    (SELECT jsonb_agg(jsonb_build_object(
        't', extract(epoch FROM born + (ended - born) * a / times)::bigint * 1000000, 'origin', ARRAY[0, n],
        'status', CASE WHEN a < times THEN 'deferred' ELSE status END, 'relay', relay || '[192.0.2.7]:25',
        'delay', seconds, 'response', CASE WHEN a < times THEN '451 4.7.1 greylisted' ELSE reply END
    ) ORDER BY a) FROM generate_series(1, times) AS a)
FROM (
    SELECT *, CASE WHEN n %% 200 = 0 OR n %% 50 = 1 THEN born + interval '9 hours' ELSE born + interval '2 s' END
            AS ended,
        CASE WHEN n %% 200 = 0 OR n %% 50 = 1 THEN 32400 ELSE round((3 * random() ^ 3)::numeric, 2) END::real AS seconds,
        CASE WHEN n %% 200 = 0 OR n %% 50 = 1 THEN 8 ELSE 1 END AS times,
        CASE status WHEN 'sent' THEN '250 2.0.0 Ok: queued as ' || to_hex(n)
            WHEN 'bounced' THEN 'host ' || relay || '[192.0.2.7] said: 550 5.1.1 <' || recipient || '>: unknown user'
            ELSE '451 4.7.1 greylisted' END AS reply
    FROM (
        SELECT n, i, %(day)s::timestamptz + (n - %(first)s) * interval '1 day' / %(mails)s AS born,
            'rcpt' || k || '_' || i || '@' || domain AS recipient, 'mx.' || domain AS relay,
            CASE WHEN n %% 200 = 0 THEN 'deferred' WHEN chance < 0.96 THEN 'sent' ELSE 'bounced' END AS status
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
) AS d
