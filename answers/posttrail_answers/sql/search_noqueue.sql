SELECT n.t, n.line_id::text
FROM noqueue AS n
WHERE {conditions}
ORDER BY n.t DESC, n.line_id DESC
LIMIT %(limit)s
