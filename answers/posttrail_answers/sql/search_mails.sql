-- After search_by_key.sql: the rows behind keys of mails; of many recipients, those that were searched
-- for come first.
SELECT jsonb_build_object(
    'kind', 'mail', 't', k.born, 'queue_id', k.queue_id, 'host', k.host, 'instance', k.instance,
    'sender', f.sender, 'client_name', f.client_name, 'client_addr', host(f.client_addr),
    'login', f.sasl_username, 'message_id', f.message_id, 'subject', f.subject, 'size', f.size,
    'mail_status', f.status, 'reason', f.reason, 'removed_at', f.removed_at,
    't_last', greatest(f.t_last, r.t_last), 'recipient_count', coalesce(r.total, 0),
    'statuses', coalesce(r.statuses, '{}'),
    'recipients', coalesce(r.shown, '[]')
)
FROM (
    SELECT t::timestamptz AS born, queue_id, host, instance FROM unnest(
        %(born)s::text[], %(queue_id)s::text[], %(host)s::text[], %(instance)s::text[]
    ) AS key (t, queue_id, host, instance)
    OFFSET 0  -- a cast is not leakproof: behind row security it would keep the index out of use
) AS k
LEFT JOIN delivery_from AS f ON f.queue_id = k.queue_id AND f.host = k.host
    AND f.instance = k.instance AND f.born = k.born
    AND f.born >= %(first)s AND f.born <= %(last)s
LEFT JOIN LATERAL (
    SELECT
        max(d.t_last) AS t_last, count(*) AS total, jsonb_agg(DISTINCT d.outcome) AS statuses,
        jsonb_agg(d.shown ORDER BY d.place) FILTER (WHERE d.place <= %(recipients)s) AS shown
    FROM (
        SELECT
            d.t_last, jsonb_build_array(d.status, {filtered}) AS outcome,
            row_number() OVER (
                ORDER BY ({match}) IS TRUE DESC, d.recipient, d.orig_recipient
            ) AS place,
            jsonb_build_object(
                'recipient', d.recipient, 'orig_recipient', nullif(d.orig_recipient, d.recipient),
                'status', d.status, 'filtered', {filtered}, 't', d.t, 'relay', d.relay, 'dsn', d.dsn,
                'delay', d.delay, 'response', d.response, 'next_queue_id', d.next_queue_id,
                'attempt_count', d.attempt_count, 'probe', d.probe
            ) AS shown
        FROM delivery_to AS d
        WHERE d.queue_id = k.queue_id AND d.host = k.host AND d.instance = k.instance
            AND d.born = k.born AND d.born >= %(first)s AND d.born <= %(last)s
    ) AS d
) AS r ON true
