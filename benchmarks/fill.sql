-- Older rows, so that the tables are as large as they are in use.
INSERT INTO delivery_from (queue_id, host, instance, born, t_first, t_last, sender, message_id,
    status, partial, ambiguous)
SELECT upper(substr(md5(n::text), 1, 12)) || 'z' || mod(n, 50), 'mx' || mod(n, 4), 'postfix',
    instant(%(start)s - n * 100), instant(%(start)s - n * 100), instant(%(start)s - n * 100),
    'sender' || mod(n, 5000) || '@example.com', '<' || n || '@example.net>', 'removed', false, false
FROM generate_series(1, %(rows)s) AS n;
INSERT INTO delivery_to (queue_id, host, instance, born, recipient, orig_recipient, t_first, t_last,
    t, origin_partition, origin_offset, ordinal, is_final, probe, softbounce, ambiguous, status,
    attempt_ids, attempts)
SELECT queue_id, host, instance, born, 'user' || mod(abs(hashtext(queue_id)), 7000) || '@example.org',
    '', t_first, t_last, t_last, 0, 0, 0, true, false, false, false, 'sent', '{1}', '[]'
FROM delivery_from;
