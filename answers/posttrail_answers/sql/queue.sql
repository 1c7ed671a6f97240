-- Behind queue_rest.sql: each of them, oldest mail first.
SELECT to_jsonb(rest) FROM rest ORDER BY born, queue_id, host, recipient LIMIT %(limit)s
