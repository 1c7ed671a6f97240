-- After search_by_key.sql: the rows behind keys of refusals, in the shape of mails.
SELECT k.line_id || '', jsonb_build_object(
    'kind', 'refusal', 't', n.t, 'host', n.host, 'instance', n.instance, 'sender', n.sender,
    'client_name', n.client_name, 'client_addr', host(n.client_addr), 'login', n.sasl_username,
    'mail_status', CASE n.action WHEN 'discard' THEN 'discarded' ELSE 'rejected' END,
    'reason', n.reason, 't_last', n.t, 'recipient_count', CASE WHEN n.recipient IS NULL THEN 0 ELSE 1 END,
    'statuses', '[]'::jsonb,
    'recipients', CASE WHEN n.recipient IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
        'recipient', n.recipient, 't', n.t, 'dsn', n.dsn,
        'status', CASE n.action WHEN 'discard' THEN 'discarded' ELSE 'rejected' END,
        'response', concat_ws(' ', n.code, n.dsn, n.reason), 'attempt_count', 1
    )) END
)
FROM (
    SELECT t::timestamptz AS t, line_id FROM unnest(%(t)s::text[], %(line_id)s::bigint[]) AS key (t, line_id)
    OFFSET 0  -- a cast is not leakproof: behind row security it would keep the index out of use
) AS k
JOIN noqueue AS n ON n.t = k.t AND n.line_id = k.line_id AND n.t >= %(first)s AND n.t <= %(last)s
