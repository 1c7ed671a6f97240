-- What became of these queue ids on one host, each mail with its recipients.
SELECT jsonb_build_object(
    'queue_id', f.queue_id, 'born', f.born, 'status', f.status, 'removed_at', f.removed_at,
    'ended', (
        SELECT coalesce(jsonb_agg(r.recipient), '[]') FROM delivery_to AS r
        WHERE (r.queue_id, r.host, r.instance, r.born)
            = (f.queue_id, f.host, f.instance, f.born) AND r.is_final AND NOT r.probe
    )
)
FROM delivery_from AS f
WHERE f.queue_id = ANY (%(ids)s) AND f.host = %(host)s AND f.instance = %(instance)s
ORDER BY f.born
