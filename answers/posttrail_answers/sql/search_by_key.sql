-- The way to a page of rows whose keys are known: one after the other, by index.
SET LOCAL enable_bitmapscan TO on;
SET LOCAL enable_seqscan TO on;
SET LOCAL enable_sort TO on;
SET LOCAL enable_hashagg TO on;
SET LOCAL enable_nestloop TO on;
SET LOCAL enable_hashjoin TO off;
SET LOCAL enable_mergejoin TO off;
SET LOCAL enable_partitionwise_join TO off;
SET LOCAL jit TO off;
