-- The mails of these times that fulfil all.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_sort TO on;
SET LOCAL enable_nestloop TO on;
SET LOCAL enable_partitionwise_join TO off;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT DISTINCT {alias}.born, {alias}.queue_id, {alias}.host, {alias}.instance
FROM {table} AS {alias}
WHERE {walked} AND {alias}.born = ANY (%(times)s) AND {conditions}
ORDER BY {alias}.born DESC, {alias}.queue_id DESC, {alias}.host DESC, {alias}.instance DESC
LIMIT %(limit)s
