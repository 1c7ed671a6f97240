-- The mails of one day, newest last; %(first)s: number of the first. Few senders write most of them.
INSERT INTO {part} (queue_id, host, instance, born, t_first, t_last, removed_at, size, nrcpt,
    client_addr, client_name, sasl_username, sender, message_id, subject, status, partial, ambiguous)
SELECT 'B' || lpad(to_hex(n), 9, '0') || 'z', 'mx' || n %% 8, 'postfix', born, born,
    born + interval '2 s', CASE WHEN n %% 200 > 0 THEN born + interval '2 s' END, 2000 + n %% 50000, 1,
    '10.0.0.0'::inet + client, 'client' || client || '.example',
    CASE WHEN client < 300 THEN 'login' || k END,
    'user' || k || '@d' || floor(k ^ 0.66) || '.example', '<' || n || '@mail.example>',
    CASE WHEN n %% 2 = 0 THEN
        'Re: order ' || n || ' topic' || floor(random() ^ 3 * 20000) || ' invoice'
    END,
    CASE WHEN n %% 200 > 0 THEN 'removed' WHEN n %% 10000 = 0 THEN 'held' ELSE 'queued' END, false, false
FROM (
    SELECT n, %(day)s::timestamptz + (n - %(first)s) * interval '1 day' / %(mails)s AS born,
        floor(200000 * random() ^ 4)::bigint AS k, floor(30000 * random() ^ 4)::bigint AS client
    FROM generate_series(%(first)s, %(first)s + %(mails)s - 1) AS n
) AS mail
