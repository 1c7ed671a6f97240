INSERT INTO {table} ({columns})
SELECT {columns}
FROM {shadow}.{table} AS s
JOIN {shadow}.{diff} AS d USING ({keys})
WHERE d.kind <> 'vanished'
