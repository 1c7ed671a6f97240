SELECT pg_advisory_lock(hashtextextended('posttrail migrate ' || %(schema)s, 0))
