-- Asked for again and again, not waited for: a statement that waits is a reader, and an index that is
-- built beside readers waits for all of them.
SELECT pg_try_advisory_lock(hashtextextended('posttrail migrate ' || %(schema)s, 0))
