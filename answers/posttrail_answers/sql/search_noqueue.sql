SET LOCAL enable_bitmapscan TO on;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_sort TO on;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT n.t, n.line_id::text
FROM noqueue AS n
WHERE {conditions}
ORDER BY n.t DESC, n.line_id DESC
LIMIT %(limit)s
