-- How many there are, but no more than %(bound)s.
SET LOCAL enable_bitmapscan TO on;
SET LOCAL enable_seqscan TO on;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT count(*) FROM (SELECT FROM delivery_from AS f WHERE {walked} LIMIT %(bound)s) AS f
