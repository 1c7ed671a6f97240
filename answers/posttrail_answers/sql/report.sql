-- Behind report_facts.sql: everything a report says, as one object. %(top)s: rows of a list.
,
in_hours AS (
    SELECT t AT TIME ZONE %(zone)s AS hour, what, times FROM happening
),
counted AS (
    SELECT
        hour::date AS day, extract(hour FROM hour)::integer AS hour,
        coalesce(sum(times) FILTER (WHERE what = 'received'), 0) AS received,
        coalesce(sum(times) FILTER (WHERE what = 'delivered'), 0) AS delivered,
        coalesce(sum(times) FILTER (WHERE what = 'deferred'), 0) AS deferred,
        coalesce(sum(times) FILTER (WHERE what = 'bounced'), 0) AS bounced,
        coalesce(sum(times) FILTER (WHERE what = 'rejected'), 0) AS rejected
    FROM in_hours
    GROUP BY GROUPING SETS ((hour::date), (extract(hour FROM hour)::integer))
),
party AS MATERIALIZED (
    SELECT
        'sender' AS side, coalesce(nullif(sender, ''), '<>') AS address, count(*) AS mails,
        sum(size) AS bytes
    FROM received WHERE size IS NOT NULL GROUP BY 2
    UNION ALL
    SELECT 'recipient', coalesce(nullif(address, ''), '<>'), count(*), coalesce(sum(size), 0)
    FROM attempt WHERE status = 'sent' AND NOT forwarded GROUP BY 2
),
sender_domain AS MATERIALIZED (
    SELECT domain, count(*) AS received, sum(size) AS bytes
    FROM received WHERE size IS NOT NULL GROUP BY domain
),
recipient_domain AS MATERIALIZED (
    SELECT
        domain,
        count(*) FILTER (WHERE status = 'sent') AS delivered,
        coalesce(sum(size) FILTER (WHERE status = 'sent'), 0) AS bytes,
        coalesce(sum(times) FILTER (WHERE status = 'deferred'), 0) AS deferred,
        count(*) FILTER (WHERE status = 'bounced') AS bounced,
        round((avg(delay) FILTER (WHERE status = 'sent'))::numeric, 3) AS average_delay,
        round(max(delay)::numeric, 3) AS max_delay
    FROM attempt WHERE NOT forwarded GROUP BY domain
),
relay AS (
    SELECT
        relay, count(*) FILTER (WHERE status = 'sent') AS delivered,
        count(*) FILTER (WHERE status = 'deferred') AS deferred,
        count(*) FILTER (WHERE status = 'bounced') AS bounced,
        round((avg(delay) FILTER (WHERE status = 'sent'))::numeric, 3) AS average_delay,
        round(max(delay)::numeric, 3) AS max_delay
    FROM attempt WHERE NOT forwarded AND relay IS NOT NULL AND relay <> 'none'
    GROUP BY relay ORDER BY count(*) DESC, relay LIMIT %(top)s
),
refusal_kind AS (
    SELECT
        action, phase, code, dsn,
        left(regexp_replace(reason, '^(<[^>]*>|\S+\[[^]]*\]): ', ''), 200) AS reason,
        count(*) AS count
    FROM refusal GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 5 LIMIT %(top)s
),
response AS (
    SELECT status, response, sum(times) AS times FROM attempt WHERE status <> 'sent' GROUP BY 1, 2
),
reason AS (
    SELECT
        status, left(regexp_replace(
            response,
            '^(host \S+ (said|refused to talk to me): )?([0-9]{3}[- ])?([0-9.]+ )?(<[^>]*>: )?', '\4'
        ), 200) AS reason, sum(times) AS count
    FROM response
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(top)s
),
stage AS (
    SELECT 'whole' AS stage, delay AS seconds, count(*) AS times FROM attempt
    WHERE status = 'sent' AND NOT forwarded AND delay IS NOT NULL
    GROUP BY delay
    UNION ALL
    SELECT
        CASE 0
            WHEN grouping(delays[1]) THEN 'a' WHEN grouping(delays[2]) THEN 'b'
            WHEN grouping(delays[3]) THEN 'c' ELSE 'd'
        END, coalesce(delays[1], delays[2], delays[3], delays[4]), count(*)
    FROM recipient
    WHERE status = 'sent' AND NOT forwarded AND t >= %(since)s AND t < %(until)s
        AND delays IS NOT NULL
    GROUP BY GROUPING SETS ((delays[1]), (delays[2]), (delays[3]), (delays[4]))
    HAVING coalesce(delays[1], delays[2], delays[3], delays[4]) IS NOT NULL
),
-- Delays have two digits, so there are few different ones: their order is found without sorting all.
summed AS (
    SELECT
        stage, seconds, sum(times) OVER (PARTITION BY stage ORDER BY seconds) AS upto,
        sum(times) OVER (PARTITION BY stage) AS count
    FROM stage
),
-- As percentile_cont: between two values in proportion.
quantile AS (
    SELECT
        stage, count, p, p * (count - 1) - floor(p * (count - 1)) AS rest,
        min(seconds) FILTER (WHERE upto > floor(p * (count - 1))) AS low,
        min(seconds) FILTER (WHERE upto > ceil(p * (count - 1))) AS high
    FROM summed CROSS JOIN unnest(ARRAY[0.5, 0.9, 0.95, 0.99]::float8[]) AS p
    GROUP BY stage, count, p
),
percentile AS (
    SELECT stage, count, array_agg(low + rest * (high - low) ORDER BY p) AS p
    FROM quantile GROUP BY stage, count
),
login AS (
    SELECT
        sasl_username AS username, count(*) AS mails, coalesce(sum(size), 0) AS bytes,
        count(DISTINCT client_addr) AS clients
    FROM received WHERE sasl_username IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(top)s
)
SELECT jsonb_build_object(
    'gaps', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            't', t, 'host', host, 'source', source, 'lines', lines, 'reason', reason
        ) ORDER BY t, host), '[]')
        FROM log_gap
        WHERE t >= %(since)s AND t < %(until)s
            AND (
                %(hosts)s::text[] IS NULL OR host = ANY (%(hosts)s::text[]) OR origin_partition < 0
            )
    ),
    'totals', jsonb_build_object(
        'deferred', (SELECT count(DISTINCT mail) FROM attempt WHERE status = 'deferred'),
        'received', (SELECT count(*) FROM received),
        'bytes_received', (SELECT coalesce(sum(size), 0) FROM received),
        'held', (SELECT count(*) FROM received WHERE status = 'held'),
        'senders', (SELECT count(*) FROM party WHERE side = 'sender'),
        'sending_domains', (SELECT count(*) FROM sender_domain),
        'rejected', (SELECT count(*) FROM refusal WHERE action <> 'discard'),
        'discarded', (SELECT count(*) FROM refusal WHERE action = 'discard'),
        'expired', (
            SELECT count(*) FROM recipient
            WHERE status = 'expired' AND t >= %(since)s AND t < %(until)s
        ),
        'recipients', (SELECT count(*) FROM party WHERE side = 'recipient'),
        'recipient_domains', (SELECT count(*) FROM recipient_domain WHERE delivered > 0)
    ) || (
        SELECT jsonb_build_object(
            'delivered', count(*) FILTER (WHERE status = 'sent' AND NOT forwarded),
            'bytes_delivered',
            coalesce(sum(size) FILTER (WHERE status = 'sent' AND NOT forwarded), 0),
            'forwarded', count(*) FILTER (WHERE forwarded),
            'deferrals', coalesce(sum(times) FILTER (WHERE status = 'deferred'), 0),
            'bounced', count(*) FILTER (WHERE status = 'bounced')
        ) FROM attempt
    ),
    'days', (
        SELECT coalesce(jsonb_agg(c ORDER BY day), '[]') FROM counted AS c WHERE day IS NOT NULL
    ),
    'hours', (
        SELECT coalesce(jsonb_agg(c ORDER BY hour), '[]') FROM counted AS c WHERE hour IS NOT NULL
    ),
    'recipient_domains', (
        SELECT coalesce(jsonb_agg(d ORDER BY delivered DESC, deferred DESC, domain), '[]')
        FROM (
            SELECT * FROM recipient_domain ORDER BY delivered DESC, deferred DESC, domain
            LIMIT %(top)s
        ) AS d
    ),
    'sender_domains', (
        SELECT coalesce(jsonb_agg(d ORDER BY received DESC, domain), '[]')
        FROM (SELECT * FROM sender_domain ORDER BY received DESC, domain LIMIT %(top)s) AS d
    ),
    'senders', (
        SELECT coalesce(jsonb_agg(p ORDER BY mails DESC, bytes DESC, address), '[]')
        FROM (
            SELECT * FROM party WHERE side = 'sender' ORDER BY mails DESC, bytes DESC, address LIMIT %(top)s
        ) AS p
    ),
    'senders_by_size', (
        SELECT coalesce(jsonb_agg(p ORDER BY bytes DESC, mails DESC, address), '[]')
        FROM (
            SELECT * FROM party WHERE side = 'sender' ORDER BY bytes DESC, mails DESC, address LIMIT %(top)s
        ) AS p
    ),
    'recipients', (
        SELECT coalesce(jsonb_agg(p ORDER BY mails DESC, bytes DESC, address), '[]')
        FROM (
            SELECT * FROM party WHERE side = 'recipient' ORDER BY mails DESC, bytes DESC, address LIMIT %(top)s
        ) AS p
    ),
    'recipients_by_size', (
        SELECT coalesce(jsonb_agg(p ORDER BY bytes DESC, mails DESC, address), '[]')
        FROM (
            SELECT * FROM party WHERE side = 'recipient' ORDER BY bytes DESC, mails DESC, address LIMIT %(top)s
        ) AS p
    ),
    'relays', (
        SELECT coalesce(
            jsonb_agg(r ORDER BY r.delivered + r.deferred + r.bounced DESC, r.relay), '[]'
        ) FROM relay AS r
    ),
    'refusals', (
        SELECT coalesce(jsonb_agg(r ORDER BY count DESC, action, phase, reason), '[]')
        FROM refusal_kind AS r
    ),
    'reasons', (
        SELECT coalesce(jsonb_agg(r ORDER BY count DESC, status, reason), '[]') FROM reason AS r
    ),
    'delays', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'stage', stage, 'count', count, 'p50', p[1], 'p90', p[2], 'p95', p[3], 'p99', p[4]
        ) ORDER BY stage = 'whole' DESC, stage), '[]') FROM percentile
    ),
    'logins', (SELECT coalesce(jsonb_agg(l ORDER BY mails DESC, username), '[]') FROM login AS l)
)
