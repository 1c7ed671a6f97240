-- The rows of these marks as they are now; a row that is gone has no value but its key.
-- Mark by mark through the keys: for a few thousand of many millions of rows nothing else is right.
-- The bounds leave the partitions of other days out of the plan.
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;

WITH marked AS (
    SELECT DISTINCT queue_id, host, instance, born, recipient, orig_recipient, of_recipients
    FROM event_change WHERE id = ANY (%(ids)s)
),
asked AS (
    SELECT queue_id, host, instance, born, recipient, orig_recipient FROM marked
    UNION
    SELECT r.queue_id, r.host, r.instance, r.born, r.recipient, r.orig_recipient
    FROM marked AS m
    CROSS JOIN LATERAL (
        SELECT queue_id, host, instance, born, recipient, orig_recipient
        FROM delivery_to AS t
        WHERE t.queue_id = m.queue_id AND t.host = m.host AND t.instance = m.instance
            AND t.born = m.born AND t.born BETWEEN %(first)s AND %(last)s
        OFFSET 0  -- keeps the order: mark by mark
    ) AS r
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
LEFT JOIN delivery_from AS f
    ON f.queue_id = a.queue_id AND f.host = a.host AND f.instance = a.instance
    AND f.born = a.born AND f.born BETWEEN %(first)s AND %(last)s
LEFT JOIN delivery_to AS r
    ON r.queue_id = a.queue_id AND r.host = a.host AND r.instance = a.instance
    AND r.born = a.born AND r.recipient = a.recipient AND r.orig_recipient = a.orig_recipient
    AND r.born BETWEEN %(first)s AND %(last)s
