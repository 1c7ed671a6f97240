-- The times of one stretch that two conditions have in common, from their indexes alone.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_nestloop TO off;
SET LOCAL enable_mergejoin TO off;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT {alias}.born FROM {table} AS {alias}
WHERE {along}
    AND EXISTS (SELECT FROM ({met}) AS met WHERE met.born = {alias}.born {apart})
