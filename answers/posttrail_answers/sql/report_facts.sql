-- Sorts and joins of a day of a million mails need no disk with it; it ends with the statement.
SET LOCAL work_mem TO '64MB';
-- What a report counts, each once: mails that came in, attempts to deliver, refusals.
-- %(since)s, %(until)s: the period; %(hosts)s, %(domains)s: arrays, null for all;
-- %(oldest)s: how long before the period a mail may be born that is tried in it.
WITH received AS MATERIALIZED (
    SELECT
        f.born AS t, f.size, f.status, f.sasl_username, f.client_addr,
        -- An address is one whatever the case of its domain.
        CASE WHEN f.sender = lower(f.sender) THEN f.sender ELSE concat(
            regexp_replace(f.sender, '@[^@]*$', ''), lower(substring(f.sender FROM '@[^@]*$'))
        ) END AS sender,
        lower(coalesce(
            CASE WHEN strpos(f.sender, '@') > 0 THEN nullif(split_part(f.sender, '@', -1), '') END,
            nullif(f.client_name, 'unknown'), host(f.client_addr), 'this host'
        )) AS domain
    FROM delivery_from AS f
    WHERE f.born >= %(since)s AND f.born < %(until)s
        AND (f.client_name IS NOT NULL OR f.uid IS NOT NULL)
        AND (%(hosts)s::text[] IS NULL OR f.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(split_part(f.sender, '@', -1)) = ANY (%(domains)s::text[])
            OR EXISTS (
                SELECT FROM delivery_to AS r
                WHERE (r.queue_id, r.host, r.instance, r.born)
                    = (f.queue_id, f.host, f.instance, f.born)
                    AND r.born >= %(since)s AND r.born < %(until)s
                    AND lower(split_part(r.recipient, '@', -1)) = ANY (%(domains)s::text[])
            ))
),
recipient AS MATERIALIZED (
    SELECT
        r.t, r.t_first, r.status, r.delay, r.delays, r.dsn, r.relay, r.attempt_count, f.size,
        -- What most rows do not need would only make them wide.
        CASE WHEN r.status <> 'sent' THEN r.response END AS response,
        r.status = 'sent' AND coalesce(starts_with(r.response, 'forwarded as '), false)
            AS forwarded,
        CASE WHEN r.status <> 'sent' OR r.attempt_count > 1
            THEN (r.queue_id, r.host, r.instance, r.born)::text END AS mail,
        CASE WHEN r.attempt_count > 1 OR r.status IN ('expired', 'rejected') THEN r.attempts END
            AS attempts,
        CASE WHEN r.recipient = lower(r.recipient) THEN r.recipient ELSE concat(
            regexp_replace(r.recipient, '@[^@]*$', ''), lower(substring(r.recipient FROM '@[^@]*$'))
        ) END AS address,
        lower(coalesce(nullif(split_part(r.recipient, '@', -1), ''), r.recipient)) AS domain
    FROM delivery_to AS r
    -- The times of f follow from those of r; said again, for only then other days are not looked at.
    LEFT JOIN delivery_from AS f ON (f.queue_id, f.host, f.instance, f.born)
        = (r.queue_id, r.host, r.instance, r.born)
        AND f.born >= %(since)s::timestamptz - %(oldest)s::interval AND f.born < %(until)s
    WHERE r.born >= %(since)s::timestamptz - %(oldest)s::interval AND r.born < %(until)s
        AND r.t_last >= %(since)s AND r.t_first < %(until)s AND NOT r.probe
        AND (%(hosts)s::text[] IS NULL OR r.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(split_part(f.sender, '@', -1)) = ANY (%(domains)s::text[])
            OR lower(split_part(r.recipient, '@', -1)) = ANY (%(domains)s::text[]))
),
-- Most rows have one attempt, which the row itself shows. A row keeps its newest attempts; those
-- that are no longer there were deferred ones: they count at the row's first.
every_attempt AS (
    SELECT
        t, status, delay::float8 AS delay, response, relay, 1 AS times, forwarded,
        address, domain, size, mail
    FROM recipient WHERE attempts IS NULL
    UNION ALL
    SELECT
        to_timestamp((e ->> 't')::float8 / 1000000), e ->> 'status', (e ->> 'delay')::float8,
        e ->> 'response', e ->> 'relay', 1,
        e ->> 'status' = 'sent' AND coalesce(starts_with(e ->> 'response', 'forwarded as '), false),
        r.address, r.domain, r.size, r.mail
    FROM recipient AS r CROSS JOIN LATERAL jsonb_array_elements(r.attempts) AS e
    WHERE r.attempts IS NOT NULL
    UNION ALL
    SELECT
        t_first, 'deferred', NULL, '(no longer kept)', NULL,
        attempt_count - jsonb_array_length(attempts), false, address, domain, size, mail
    FROM recipient WHERE attempts IS NOT NULL AND attempt_count > jsonb_array_length(attempts)
),
attempt AS MATERIALIZED (
    SELECT * FROM every_attempt
    WHERE t >= %(since)s AND t < %(until)s AND status IN ('sent', 'deferred', 'bounced')
),
-- A refusal of a mail as a whole has no time of its own column: it is in what orders the status.
refusal AS MATERIALIZED (
    SELECT n.t, n.action, coalesce(n.phase, '') AS phase, n.code, n.dsn, coalesce(n.reason, '') AS reason
    FROM noqueue AS n
    WHERE n.t >= %(since)s AND n.t < %(until)s AND n.action <> 'hangup'
        AND (%(hosts)s::text[] IS NULL OR n.host = ANY (%(hosts)s::text[]))
        AND (%(domains)s::text[] IS NULL
            OR lower(split_part(n.sender, '@', -1)) = ANY (%(domains)s::text[])
            OR lower(split_part(n.recipient, '@', -1)) = ANY (%(domains)s::text[]))
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
            OR lower(split_part(f.sender, '@', -1)) = ANY (%(domains)s::text[]))
),
-- What happened, in quarters of an hour: hours and days of every zone begin with one of them.
happening AS MATERIALIZED (
    SELECT date_bin('15 minutes', t, 'epoch') AS t, 'received' AS what, count(*) AS times
    FROM received GROUP BY 1
    UNION ALL
    SELECT
        date_bin('15 minutes', t, 'epoch'), CASE status WHEN 'sent' THEN 'delivered' ELSE status END,
        sum(times)
    FROM attempt WHERE NOT forwarded GROUP BY 1, 2
    UNION ALL
    SELECT date_bin('15 minutes', t, 'epoch'), 'rejected', count(*)
    FROM refusal WHERE action <> 'discard' GROUP BY 1
)
