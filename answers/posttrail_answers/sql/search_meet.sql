-- The times of one stretch that two conditions have in common, from their indexes alone. Day by day:
-- to look one entry up among all days costs ten times as much.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_nestloop TO on;
SET LOCAL enable_hashjoin TO on;
SET LOCAL enable_mergejoin TO on;
SET LOCAL enable_partitionwise_join TO on;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT {alias}.born FROM {table} AS {alias}
WHERE {along}
    AND EXISTS (SELECT FROM ({met}) AS met WHERE met.born = {alias}.born)
