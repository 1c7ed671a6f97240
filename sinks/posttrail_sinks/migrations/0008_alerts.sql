-- What an administrator should be woken for: views over the last hours, and what each host usually
-- writes. docs/alerts.md tells how they become alerts.
-- depends: 0005_lines

CREATE TABLE host_hour (
    host text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    entries bigint NOT NULL,
    t_last timestamptz NOT NULL,
    PRIMARY KEY (host, hour)
);

COMMENT ON TABLE host_hour IS 'How many mails and refusals each host had in each hour of a week.';

-- Count the hours since the last time anew, forget what is older than eight days; sinks call it now
-- and then. Begins a day back where nothing is known. Returns how many rows it wrote.
CREATE FUNCTION learn_hours() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    since timestamptz;
    written integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(
        hashtextextended('posttrail hours of ' || current_schema, 0)
    ) THEN
        RETURN 0;  -- another sink does it
    END IF;
    SELECT greatest(
        coalesce(max(hour) - interval '2 hours', now() - interval '1 day'),
        now() - interval '8 days'
    ) INTO since FROM host_hour;
    since := date_trunc('hour', since, 'UTC');
    INSERT INTO host_hour
    SELECT host, date_trunc('hour', t, 'UTC'), count(*), max(t)
    FROM (
        SELECT host, born AS t FROM delivery_from WHERE born >= since AND born <= now()
        UNION ALL
        SELECT host, t FROM noqueue WHERE t >= since AND t <= now()
    ) AS entry
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (host, hour) DO UPDATE
    SET entries = excluded.entries, t_last = excluded.t_last
    WHERE (host_hour.entries, host_hour.t_last) <> (excluded.entries, excluded.t_last);
    GET DIAGNOSTICS written = ROW_COUNT;
    DELETE FROM host_hour WHERE hour < now() - interval '8 days';
    RETURN written;
END
$$;

REVOKE ALL ON FUNCTION learn_hours() FROM PUBLIC;

-- What the host has written on other days in the time for which it is silent now: the mean of up to
-- seven days, or the same day of last week where that was less. A day counts when the host was known
-- all through that time and not silent already. Of a longer silence the last day is compared.
CREATE VIEW host_silence AS
WITH seen AS (
    SELECT host, max(t_last) AS t_last, min(hour) AS known_since FROM host_hour GROUP BY host
),
silence AS (
    SELECT *, greatest(t_last, now() - interval '1 day') AS compared_from FROM seen
),
past AS (
    SELECT
        s.host, ago.days, coalesce(sum(
            h.entries * extract(epoch FROM
                least(h.hour + interval '1 hour', now() - ago.days * interval '1 day')
                - greatest(h.hour, s.compared_from - ago.days * interval '1 day')
            ) / 3600
        ), 0) AS entries
    FROM silence AS s
    CROSS JOIN generate_series(1, 7) AS ago (days)
    LEFT JOIN host_hour AS h
        ON h.host = s.host
        AND h.hour > s.compared_from - ago.days * interval '1 day' - interval '1 hour'
        AND h.hour < now() - ago.days * interval '1 day'
    WHERE s.known_since <= s.compared_from - ago.days * interval '1 day'
        AND s.t_last >= now() - ago.days * interval '1 day'
    GROUP BY s.host, ago.days
)
SELECT
    s.host, s.t_last, now() - s.t_last AS silent_for,
    round((
        SELECT least(avg(p.entries), min(p.entries) FILTER (WHERE p.days = 7))
        FROM past AS p WHERE p.host = s.host
    ), 1) AS usual_entries
FROM silence AS s;

COMMENT ON VIEW host_silence IS
    'How long each host has been silent, and what it usually writes in such a time; null: unknown.';

CREATE VIEW silent_host AS
SELECT * FROM host_silence
WHERE silent_for >= interval '10 minutes' AND usual_entries >= 10;

COMMENT ON VIEW silent_host IS 'Hosts that would usually have written ten entries by now, and did not.';

-- The day's partition is too large to be read every minute; what came in the last hours is not.
CREATE INDEX delivery_to_born_idx ON ONLY delivery_to USING brin (born);

CREATE VIEW deferred_destination AS
SELECT
    CASE WHEN recipient LIKE '%@%' THEN lower(split_part(recipient, '@', -1)) ELSE '' END AS domain,
    count(*) FILTER (WHERE status = 'deferred') AS deferred,
    count(*) FILTER (WHERE status <> 'deferred') AS ended,
    min(born) FILTER (WHERE status = 'deferred') AS oldest,
    max(t) FILTER (WHERE status = 'deferred') AS newest,
    (array_agg(response ORDER BY t DESC) FILTER (WHERE status = 'deferred'))[1] AS response
FROM delivery_to
WHERE born >= now() - interval '6 hours' AND t >= now() - interval '1 hour' AND NOT probe
GROUP BY 1
HAVING count(*) FILTER (WHERE status = 'deferred') > 0;

COMMENT ON VIEW deferred_destination IS
    'Recipients of the last hour that wait, by domain (empty: local); mails of the last six hours.';

CREATE VIEW login_spread AS
SELECT
    sasl_username, count(*) AS mails, count(DISTINCT client_addr) AS addresses,
    count(DISTINCT network(set_masklen(
        client_addr, CASE family(client_addr) WHEN 4 THEN 24 ELSE 48 END
    ))) AS networks,
    min(born) AS t_first, max(born) AS t_last
FROM delivery_from
WHERE born >= now() - interval '1 hour' AND sasl_username IS NOT NULL AND client_addr IS NOT NULL
GROUP BY sasl_username
HAVING count(DISTINCT client_addr) > 1;

COMMENT ON VIEW login_spread IS
    'Logins of the last hour with more than one client address; networks are /24 and /48.';

CREATE INDEX ON log_gap (t);

CREATE VIEW recent_gap AS
SELECT
    host, source, count(*) AS gaps, coalesce(sum(lines), 0)::bigint AS lines,
    count(*) FILTER (WHERE lines IS NULL) AS of_unknown_size, max(t) AS newest,
    (array_agg(reason ORDER BY t DESC))[1] AS reason
FROM log_gap
WHERE t >= now() - interval '1 hour'
GROUP BY host, source;

COMMENT ON VIEW recent_gap IS 'What the log of the last hour is known to lack, by host and source.';

CREATE VIEW waiting_short_id AS
SELECT count(*) AS bundles, instant(min(received)) AS oldest FROM short_bundle WHERE born IS NULL;

COMMENT ON VIEW waiting_short_id IS
    'Lines of short ids that wait for the line that opened their mail.';
