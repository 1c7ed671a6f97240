-- The newest gaps in the log, newest first.
SELECT jsonb_build_object(
    't', t, 'host', host, 'source', source, 'lines', lines, 'reason', reason
)
FROM log_gap
ORDER BY t DESC, origin_partition, origin_offset DESC
LIMIT %(limit)s
