-- The rows of these marks as they are now; a row that is gone has no value but its key.
WITH marked AS (
    SELECT DISTINCT queue_id, host, instance, born, recipient, orig_recipient, of_recipients
    FROM event_change WHERE id = ANY (%(ids)s)
),
asked AS (
    SELECT queue_id, host, instance, born, recipient, orig_recipient FROM marked
    UNION
    SELECT r.queue_id, r.host, r.instance, r.born, r.recipient, r.orig_recipient
    FROM marked AS m
    JOIN delivery_to AS r USING (queue_id, host, instance, born)
    WHERE m.of_recipients
)
SELECT
    a.host, a.instance, a.queue_id, a.born, a.recipient, a.orig_recipient,
    CASE WHEN a.recipient IS NULL THEN f.queue_id ELSE r.queue_id END IS NOT NULL AS there,
    f.sender, f.message_id, f.size, f.nrcpt, f.reason,
    CASE WHEN a.recipient IS NULL THEN f.status ELSE r.status END AS status,
    CASE WHEN a.recipient IS NULL THEN coalesce(instant(f.status_order[2]), f.t_first)
        ELSE r.t END AS t,
    r.relay, r.dsn, r.response, r.delay, r.attempt_count, r.next_queue_id, coalesce(r.probe, false)
FROM asked AS a
LEFT JOIN delivery_from AS f USING (queue_id, host, instance, born)
LEFT JOIN delivery_to AS r USING (queue_id, host, instance, born, recipient, orig_recipient)
