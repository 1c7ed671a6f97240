SELECT pg_advisory_unlock(hashtextextended('posttrail replay', 0))
