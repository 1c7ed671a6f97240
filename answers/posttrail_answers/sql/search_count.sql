-- How many there are, but no more than %(bound)s.
SET LOCAL enable_bitmapscan TO on;
SET LOCAL enable_seqscan TO on;
SET LOCAL jit TO off;
SELECT count(*) FROM (SELECT FROM delivery_from AS f WHERE {walked} LIMIT %(bound)s) AS f
