-- What a report counts, each once: mails that came in, attempts to deliver, refusals.
-- %(since)s, %(until)s: the period; %(hosts)s, %(domains)s: arrays, null for all;
-- %(oldest)s: how long before the period a mail may be born that is tried in it.
WITH received AS MATERIALIZED (
    SELECT
        f.born AS t, f.size, f.status, f.sasl_username, f.client_addr,
        coalesce(f.sender, '') AS sender,
        lower(coalesce(
            substring(f.sender FROM '@([^@]+)$'), nullif(f.client_name, 'unknown'),
            host(f.client_addr), 'this host'
        )) AS domain
    FROM delivery_from AS f
    WHERE f.born >= %(since)s AND f.born < %(until)s
        AND (f.client_name IS NOT NULL OR f.uid IS NOT NULL)
        AND (%(hosts)s::text[] IS NULL OR f.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(substring(f.sender FROM '@([^@]+)$')) = ANY (%(domains)s::text[])
            OR EXISTS (
                SELECT FROM delivery_to AS r
                WHERE (r.queue_id, r.host, r.instance, r.born)
                    = (f.queue_id, f.host, f.instance, f.born)
                    AND lower(substring(r.recipient FROM '@([^@]+)$')) = ANY (%(domains)s::text[])
            ))
),
recipient AS MATERIALIZED (
    SELECT
        r.queue_id, r.host, r.instance, r.born, r.t, r.t_first, r.status, r.delay, r.delays, r.dsn,
        r.response, r.relay, r.attempt_count, f.size,
        CASE WHEN r.attempt_count > 1 OR r.status IN ('expired', 'rejected') THEN r.attempts END
            AS attempts,
        r.recipient AS address, lower(coalesce(substring(r.recipient FROM '@([^@]+)$'), r.recipient))
            AS domain
    FROM delivery_to AS r
    LEFT JOIN delivery_from AS f USING (queue_id, host, instance, born)
    WHERE r.born >= %(since)s::timestamptz - %(oldest)s::interval AND r.born < %(until)s
        AND r.t_last >= %(since)s AND r.t_first < %(until)s AND NOT r.probe
        AND (%(hosts)s::text[] IS NULL OR r.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(substring(f.sender FROM '@([^@]+)$')) = ANY (%(domains)s::text[])
            OR lower(substring(r.recipient FROM '@([^@]+)$')) = ANY (%(domains)s::text[]))
),
-- Most rows have one attempt, which the row itself shows. A row keeps its newest attempts; those
-- that are no longer there were deferred ones: they count at the row's first.
attempt AS MATERIALIZED (
    SELECT
        a.t, a.status, a.delay, a.response, a.relay, a.times, r.address, r.domain, r.size,
        (r.queue_id, r.host, r.instance, r.born)::text AS mail,
        a.status = 'sent' AND coalesce(starts_with(a.response, 'forwarded as '), false)
            AS forwarded
    FROM recipient AS r
    CROSS JOIN LATERAL (
        SELECT r.t, r.status, r.delay::float8 AS delay, r.response, r.relay, 1 AS times
        WHERE r.attempts IS NULL
        UNION ALL
        SELECT
            to_timestamp((e ->> 't')::float8 / 1000000), e ->> 'status', (e ->> 'delay')::float8,
            e ->> 'response', e ->> 'relay', 1
        FROM jsonb_array_elements(r.attempts) AS e
        UNION ALL
        SELECT
            r.t_first, 'deferred', NULL, '(no longer kept)', NULL,
            r.attempt_count - jsonb_array_length(r.attempts)
        WHERE r.attempt_count > jsonb_array_length(r.attempts)
    ) AS a
    WHERE a.t >= %(since)s AND a.t < %(until)s AND a.status IN ('sent', 'deferred', 'bounced')
),
-- A refusal of a mail as a whole has no time of its own column: it is in what orders the status.
refusal AS MATERIALIZED (
    SELECT n.t, n.action, coalesce(n.phase, '') AS phase, n.code, n.dsn, coalesce(n.reason, '') AS reason
    FROM noqueue AS n
    WHERE n.t >= %(since)s AND n.t < %(until)s AND n.action <> 'hangup'
        AND (%(hosts)s::text[] IS NULL OR n.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(substring(n.sender FROM '@([^@]+)$')) = ANY (%(domains)s::text[])
            OR lower(substring(n.recipient FROM '@([^@]+)$')) = ANY (%(domains)s::text[]))
    UNION ALL
    SELECT
        r.t, 'reject', 'RCPT', substring(r.response FROM '^([0-9]{3}) '), r.dsn,
        regexp_replace(coalesce(r.response, ''), '^[0-9]{3} ([0-9.]+ )?', '')
    FROM recipient AS r
    WHERE r.status = 'rejected' AND r.t >= %(since)s AND r.t < %(until)s
    UNION ALL
    SELECT
        to_timestamp(f.status_order[2]::float8 / 1000000),
        CASE f.status WHEN 'rejected' THEN 'reject' ELSE 'discard' END, 'cleanup',
        NULL, NULL, coalesce(f.reason, '')
    FROM delivery_from AS f
    WHERE f.status IN ('rejected', 'discarded')
        AND f.born >= %(since)s::timestamptz - interval '1 day' AND f.born < %(until)s
        AND f.status_order[2] >= extract(epoch FROM %(since)s::timestamptz) * 1000000
        AND f.status_order[2] < extract(epoch FROM %(until)s::timestamptz) * 1000000
        AND (%(hosts)s::text[] IS NULL OR f.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(substring(f.sender FROM '@([^@]+)$')) = ANY (%(domains)s::text[]))
),
-- One row per happening, for counts over time.
happening AS (
    SELECT t, 'received' AS what, 1 AS times FROM received
    UNION ALL
    SELECT t, CASE status WHEN 'sent' THEN 'delivered' ELSE status END, times
    FROM attempt WHERE NOT forwarded
    UNION ALL
    SELECT t, 'rejected', 1 FROM refusal WHERE action <> 'discard'
)
