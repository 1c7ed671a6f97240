-- How far back the first %(bound)s rows of a walk go; no row: there are fewer.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_sort TO off;
SET LOCAL jit TO off;
SELECT {alias}.born FROM {table} AS {alias}
WHERE {walked}
ORDER BY {alias}.born DESC
OFFSET %(bound)s - 1 LIMIT 1
