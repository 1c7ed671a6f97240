-- Behind report_facts.sql: every hour of the period.
SELECT jsonb_build_object(
    'start', hour.start,
    'received', coalesce(sum(times) FILTER (WHERE what = 'received'), 0),
    'delivered', coalesce(sum(times) FILTER (WHERE what = 'delivered'), 0),
    'deferred', coalesce(sum(times) FILTER (WHERE what = 'deferred'), 0),
    'bounced', coalesce(sum(times) FILTER (WHERE what = 'bounced'), 0),
    'rejected', coalesce(sum(times) FILTER (WHERE what = 'rejected'), 0)
)
FROM generate_series(
    date_trunc('hour', %(since)s::timestamptz, %(zone)s),
    %(until)s::timestamptz - interval '1 microsecond', interval '1 hour'
) AS hour (start)
LEFT JOIN happening ON date_trunc('hour', happening.t, %(zone)s) = hour.start
GROUP BY hour.start
ORDER BY hour.start
