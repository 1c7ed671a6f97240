-- What a tree shows of each mail. Arrays as in hops_links.sql.
SELECT jsonb_build_object(
    'key', jsonb_build_object(
        'queue_id', f.queue_id, 'host', f.host, 'instance', f.instance, 'born', f.born
    ),
    'sender', f.sender, 'message_id', f.message_id, 'subject', f.subject, 'status', f.status,
    'recipient_count', r.recipient_count,
    'recipients', coalesce(r.recipients, '[]'),
    'outcomes', coalesce(r.outcomes, '[]')
)
FROM unnest(
    %(queue_id)s::text[], %(host)s::text[], %(instance)s::text[], %(born)s::timestamptz[]
) AS k (queue_id, host, instance, born)
JOIN delivery_from AS f USING (queue_id, host, instance, born)
CROSS JOIN LATERAL (
    SELECT count(*) AS recipient_count,
        to_jsonb((array_agg(d.recipient ORDER BY d.recipient))[:20]) AS recipients,
        jsonb_agg(DISTINCT jsonb_build_array(d.status, (
            d.status = 'sent' AND d.next_queue_id IS NOT NULL
            AND (d.relay_addr <<= '127.0.0.0/8' OR d.relay_addr = '::1')
        ) IS TRUE)) AS outcomes
    FROM delivery_to AS d
    WHERE d.queue_id = f.queue_id AND d.host = f.host
        AND d.instance = f.instance AND d.born = f.born
) AS r
