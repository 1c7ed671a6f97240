-- What no index gives in order is found first, and sorted then.
SET LOCAL enable_bitmapscan TO on;
SET LOCAL enable_seqscan TO on;
SET LOCAL enable_sort TO on;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
WITH f AS MATERIALIZED (
    SELECT * FROM delivery_from AS f
    WHERE {walked}
    ORDER BY f.born DESC, f.queue_id DESC, f.host DESC, f.instance DESC
)
SELECT f.born, f.queue_id, f.host, f.instance FROM f
WHERE {conditions}
LIMIT %(limit)s
