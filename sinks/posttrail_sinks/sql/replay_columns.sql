-- In which columns rows change, and how many rows in each.
SELECT e.key, count(*)
FROM {shadow}.{diff} AS d
JOIN {table} AS l USING ({keys})
JOIN {shadow}.{table} AS s USING ({keys}),
LATERAL jsonb_each(to_jsonb(l)) AS e
WHERE d.kind = 'changed' AND e.value IS DISTINCT FROM to_jsonb(s) -> e.key
GROUP BY e.key
ORDER BY e.key
