-- How far back the first %(bound)s rows of a walk go; no row: there are fewer.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_sort TO off;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT {alias}.born FROM {table} AS {alias}
WHERE {along}
ORDER BY {alias}.born DESC
OFFSET %(bound)s - 1 LIMIT 1
