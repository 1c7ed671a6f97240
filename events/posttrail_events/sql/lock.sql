-- One publishes at a time; the lock ends with its session.
SELECT pg_try_advisory_lock(hashtextextended('posttrail events of ' || current_schema, 0))
