-- Seconds from the last line of each mail to the commit of the row that shows it.
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - t_last)::double precision
FROM delivery_from
WHERE t_last > to_timestamp(%(since)s)
