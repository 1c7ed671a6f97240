-- One replay at a time; the lock ends with the session.
SELECT pg_try_advisory_lock(hashtextextended('posttrail replay', 0))
