-- What may link the given mails to others, in both directions: parent, child, and what speaks for it.
-- %(queue_id)s, %(host)s, %(instance)s, %(born)s: arrays, a mail at each place; %(limit)s: for each
-- mail and kind, %(twins)s: for one message-id. A mail is at most two weeks younger than the one that it came from: that bounds the
-- partitions (%(since)s, %(until)s: as constants, so that the planner leaves the others out). Clocks of
-- hosts may differ by some seconds. OFFSET 0: the id is looked up first, for ranges of times that the
-- planner does not know look narrower to it than they are.
WITH asked AS MATERIALIZED (
    SELECT m.*
    FROM unnest(
        %(queue_id)s::text[], %(host)s::text[], %(instance)s::text[], %(born)s::timestamptz[]
    ) AS k (queue_id, host, instance, born)
    JOIN delivery_from AS m USING (queue_id, host, instance, born)
),
twins AS (
    -- The same message-id, in both directions. What one client from outside sent is no hop.
    SELECT p.queue_id AS p_id, p.host AS p_host, p.instance AS p_instance, p.born AS p_born,
        p.message_id, p.client_addr AS p_addr, c.queue_id AS c_id, c.host AS c_host,
        c.instance AS c_instance, c.born AS c_born, c.client_name AS c_name,
        c.client_addr AS c_addr, c.uid AS c_uid, c.orig_queue_id
    FROM asked AS p
    CROSS JOIN LATERAL (
        SELECT *
        FROM (
            SELECT * FROM delivery_from
            WHERE message_id = p.message_id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS same
        WHERE same.born BETWEEN p.born - interval '5 seconds' AND p.born + interval '14 days'
            AND same.born <= p.t_last + interval '5 seconds'
            AND (same.queue_id, same.host, same.instance) <> (p.queue_id, p.host, p.instance)
            AND (same.client_addr IS DISTINCT FROM p.client_addr
                OR same.client_addr <<= '127.0.0.0/8' OR same.client_addr = '::1')
        ORDER BY same.born
        LIMIT %(twins)s
    ) AS c
    WHERE p.message_id <> '<>'
    UNION
    SELECT p.queue_id, p.host, p.instance, p.born, p.message_id, p.client_addr, c.queue_id,
        c.host, c.instance, c.born, c.client_name, c.client_addr, c.uid, c.orig_queue_id
    FROM asked AS c
    CROSS JOIN LATERAL (
        SELECT *
        FROM (
            SELECT * FROM delivery_from
            WHERE message_id = c.message_id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS same
        WHERE same.born BETWEEN c.born - interval '14 days' AND c.born + interval '5 seconds'
            AND same.t_last >= c.born - interval '5 seconds'
            AND (same.queue_id, same.host, same.instance) <> (c.queue_id, c.host, c.instance)
            AND (same.client_addr IS DISTINCT FROM c.client_addr
                OR c.client_addr <<= '127.0.0.0/8' OR c.client_addr = '::1')
        ORDER BY same.born DESC
        LIMIT %(twins)s
    ) AS p
    WHERE c.message_id <> '<>'
),
found AS (
    -- Down: an id in a reply or of a forwarded mail.
    SELECT 'next' AS kind, p.queue_id AS p_id, p.host AS p_host, p.instance AS p_instance,
        p.born AS p_born, c.queue_id AS c_id, c.host AS c_host, c.instance AS c_instance,
        c.born AS c_born, d.relay, d.response, d.t, p.message_id AS p_message_id,
        c.message_id AS c_message_id, c.orig_queue_id, NULL::jsonb AS handed
    FROM asked AS p
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (next_queue_id) next_queue_id, relay, response, t
        FROM delivery_to
        WHERE queue_id = p.queue_id AND host = p.host AND instance = p.instance
            AND born = p.born AND next_queue_id IS NOT NULL
        ORDER BY next_queue_id, t
        LIMIT %(limit)s
    ) AS d
    CROSS JOIN LATERAL (
        SELECT * FROM delivery_from
        WHERE queue_id = d.next_queue_id AND born BETWEEN %(since)s AND %(until)s
        OFFSET 0
    ) AS c
    WHERE c.born BETWEEN p.born - interval '5 seconds' AND d.t + interval '5 seconds'
    UNION ALL
    -- Up: the same.
    SELECT 'next', p.queue_id, p.host, p.instance, p.born, c.queue_id, c.host, c.instance,
        c.born, d.relay, d.response, d.t, p.message_id, c.message_id, c.orig_queue_id, NULL
    FROM asked AS c
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (queue_id, host, instance, born)
            queue_id, host, instance, born, relay, response, t
        FROM (
            SELECT * FROM delivery_to
            WHERE next_queue_id = c.queue_id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS named
        WHERE born BETWEEN c.born - interval '14 days' AND c.born + interval '5 seconds'
            AND t BETWEEN c.born - interval '5 seconds' AND c.born + interval '1 day'
        ORDER BY queue_id, host, instance, born, t
        LIMIT %(limit)s
    ) AS d
    JOIN delivery_from AS p
        ON p.queue_id = d.queue_id AND p.host = d.host AND p.instance = d.instance
        AND p.born = d.born
    UNION ALL
    -- Down: XFORWARD names the id before the filter, a requeued mail its old one.
    SELECT l.kind, p.queue_id, p.host, p.instance, p.born, l.queue_id, l.host, l.instance,
        l.born, NULL, NULL, NULL, p.message_id, l.message_id, l.orig_queue_id, NULL
    FROM asked AS p
    CROSS JOIN LATERAL (
        (SELECT 'xforward' AS kind, c.queue_id, c.host, c.instance, c.born, c.message_id,
            c.orig_queue_id
        FROM (
            SELECT * FROM delivery_from
            WHERE orig_queue_id = p.queue_id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS c
        WHERE c.born BETWEEN p.born - interval '5 seconds' AND p.born + interval '14 days'
            AND c.born <= p.t_last + interval '5 seconds'
        LIMIT %(limit)s)
        UNION ALL
        (SELECT 'requeue', c.queue_id, c.host, c.instance, c.born, c.message_id, c.orig_queue_id
        FROM (
            SELECT * FROM delivery_from
            WHERE requeued_from = p.queue_id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS c
        WHERE c.host = p.host AND c.instance = p.instance
            AND c.born BETWEEN p.born AND p.born + interval '14 days'
        ORDER BY c.born
        LIMIT 1)
        UNION ALL
        (SELECT n.kind, c.queue_id, c.host, c.instance, c.born, c.message_id, c.orig_queue_id
        FROM (
            SELECT 'bounce' AS kind, unnest(p.bounce_ids) AS id
            UNION ALL SELECT 'delay', unnest(p.delay_ids)
            UNION ALL SELECT 'dsn', unnest(p.dsn_ids)
        ) AS n
        CROSS JOIN LATERAL (
            SELECT * FROM delivery_from
            WHERE queue_id = n.id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS c
        WHERE c.host = p.host AND c.instance = p.instance
            AND c.born BETWEEN p.born AND p.t_last + interval '5 seconds'
        LIMIT %(limit)s)
    ) AS l
    UNION ALL
    -- Up: the same.
    SELECT l.kind, l.queue_id, l.host, l.instance, l.born, c.queue_id, c.host, c.instance,
        c.born, NULL, NULL, NULL, l.message_id, c.message_id, c.orig_queue_id, NULL
    FROM asked AS c
    CROSS JOIN LATERAL (
        (SELECT 'xforward' AS kind, p.queue_id, p.host, p.instance, p.born, p.message_id
        FROM (
            SELECT * FROM delivery_from
            WHERE queue_id = c.orig_queue_id AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS p
        WHERE p.born BETWEEN c.born - interval '14 days' AND c.born + interval '5 seconds'
            AND p.t_last >= c.born - interval '5 seconds'
        LIMIT %(limit)s)
        UNION ALL
        (SELECT 'requeue', p.queue_id, p.host, p.instance, p.born, p.message_id
        FROM (
            SELECT * FROM delivery_from
            WHERE queue_id = c.requeued_from AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS p
        WHERE p.host = c.host AND p.instance = c.instance
            AND p.born BETWEEN c.born - interval '14 days' AND c.born
        ORDER BY p.born DESC
        LIMIT 1)
        UNION ALL
        (SELECT CASE WHEN p.bounce_ids @> ARRAY[c.queue_id] THEN 'bounce'
            WHEN p.delay_ids @> ARRAY[c.queue_id] THEN 'delay' ELSE 'dsn' END,
            p.queue_id, p.host, p.instance, p.born, p.message_id
        FROM (
            SELECT * FROM delivery_from
            WHERE c.client_name IS NULL AND (bounce_ids @> ARRAY[c.queue_id]
                OR delay_ids @> ARRAY[c.queue_id] OR dsn_ids @> ARRAY[c.queue_id]) AND born BETWEEN %(since)s AND %(until)s
            OFFSET 0
        ) AS p
        WHERE p.host = c.host AND p.instance = c.instance
            AND p.born BETWEEN c.born - interval '14 days' AND c.born
            AND p.t_last >= c.born - interval '5 seconds'
        LIMIT %(limit)s)
    ) AS l
    UNION ALL
    SELECT 'message-id', t.p_id, t.p_host, t.p_instance, t.p_born, t.c_id, t.c_host, t.c_instance,
        t.c_born, NULL, NULL, NULL, t.message_id, t.message_id, t.orig_queue_id,
        jsonb_build_object(
            'relays', d.relays, 'client_name', t.c_name, 'client_addr', host(t.c_addr),
            'by_user', t.c_uid IS NOT NULL, 'parent_client_addr', host(t.p_addr)
        )
    FROM twins AS t
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(DISTINCT relay), '[]') AS relays
        FROM (
            SELECT relay
            FROM delivery_to
            WHERE queue_id = t.p_id AND host = t.p_host AND instance = t.p_instance
                AND born = t.p_born AND status = 'sent' AND relay IS NOT NULL
                AND t BETWEEN t.c_born - interval '5 seconds' AND t.c_born + interval '1 day'
            LIMIT %(limit)s
        ) AS given
    ) AS d
)
SELECT DISTINCT jsonb_build_object(
    'kind', kind,
    'parent', jsonb_build_object(
        'queue_id', p_id, 'host', p_host, 'instance', p_instance, 'born', p_born
    ),
    'child', jsonb_build_object(
        'queue_id', c_id, 'host', c_host, 'instance', c_instance, 'born', c_born
    ),
    'relay', relay, 'response', response, 't', t, 'parent_message_id', p_message_id,
    'child_message_id', c_message_id, 'orig_queue_id', orig_queue_id,
    'handed', handed
)
FROM found
