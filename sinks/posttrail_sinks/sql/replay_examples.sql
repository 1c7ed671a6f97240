SELECT d.kind, to_jsonb(l), to_jsonb(s)
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY {keys}) AS n FROM {shadow}.{diff}
) AS d
LEFT JOIN {table} AS l USING ({keys})
LEFT JOIN {shadow}.{table} AS s USING ({keys})
WHERE d.n <= %(most)s
ORDER BY d.kind, d.n
