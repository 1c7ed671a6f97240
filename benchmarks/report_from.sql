-- The mails of one day; %(first)s: number of the first. Few senders write most of them.
INSERT INTO {part} (queue_id, host, instance, born, t_first, t_last, removed_at, size, nrcpt,
    client_addr, client_name, sasl_username, sender, message_id, subject, status, partial, ambiguous)
SELECT 'C' || lpad(to_hex(n), 9, '0') || 'z', 'mx' || n %% 8, 'postfix', born, born, coalesce(ended, born + interval '9 hours'),
    ended, 2000 + n %% 50000, 1, '10.0.0.0'::inet + client, 'client' || client || '.example',
    CASE WHEN client < 300 THEN 'login' || k END, 'user' || k || '@d' || floor(k ^ 0.66) || '.example',
    '<' || n || '@mail.example>', 'Re: order ' || n, CASE WHEN n %% 200 = 0 THEN 'queued' ELSE 'removed' END,
    false, false
FROM (
    SELECT n, born, k, client, CASE
        WHEN n %% 200 = 0 THEN NULL WHEN n %% 50 = 1 THEN born + interval '9 hours'
        ELSE born + interval '2 s' END AS ended
    FROM (
        SELECT n, %(day)s::timestamptz + (n - %(first)s) * interval '1 day' / %(mails)s AS born,
            floor(200000 * random() ^ 4)::bigint AS k, floor(30000 * random() ^ 4)::bigint AS client
        FROM generate_series(%(first)s, %(first)s + %(mails)s - 1) AS n
    ) AS mail
) AS mail
