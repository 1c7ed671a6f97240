-- Where the topic was not read from its very beginning, a row may rest on lines out of reach: one
-- that begins earlier than today's, or one that would vanish without a known origin that was read.
WITH origin AS (
    SELECT f.queue_id, f.host, f.instance, f.born, f.status_order[3] AS part,
        f.status_order[4] AS at
    FROM delivery_from AS f
    JOIN {shadow}.replay_mail AS m USING (queue_id, host, instance, born)
    WHERE m.vanishes AND f.status_order IS NOT NULL
    UNION ALL
    SELECT r.queue_id, r.host, r.instance, r.born, r.origin_partition, r.origin_offset
    FROM delivery_to AS r
    JOIN {shadow}.replay_mail AS m USING (queue_id, host, instance, born)
    WHERE m.vanishes
), known AS (
    SELECT o.queue_id, o.host, o.instance, o.born, bool_and(w.part IS NOT NULL) AS all_read
    FROM origin AS o
    LEFT JOIN {shadow}.replay_read AS w
        ON w.part = o.part AND o.at >= w.first_offset AND o.at < w.end_offset
    GROUP BY o.queue_id, o.host, o.instance, o.born
)
DELETE FROM {shadow}.replay_mail AS m
WHERE m.knows_more OR (
    m.vanishes AND NOT EXISTS (
        SELECT FROM known AS k
        WHERE k.queue_id = m.queue_id AND k.host = m.host AND k.instance = m.instance
          AND k.born = m.born AND k.all_read
    )
)
