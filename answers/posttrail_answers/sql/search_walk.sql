-- Newest first along one index, until the page is full. OFFSET keeps the other conditions out of the
-- brackets: no other index may be chosen for them.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_sort TO off;
SET LOCAL enable_hashagg TO off;
SET LOCAL jit TO off;
SET LOCAL max_parallel_workers_per_gather TO 0;
SELECT DISTINCT {alias}.born, {alias}.queue_id, {alias}.host, {alias}.instance
FROM (
    SELECT * FROM {table} AS {alias}
    WHERE {walked}
    ORDER BY {alias}.born DESC, {alias}.queue_id DESC, {alias}.host DESC, {alias}.instance DESC
    OFFSET 0
) AS {alias}
WHERE {conditions}
ORDER BY {alias}.born DESC, {alias}.queue_id DESC, {alias}.host DESC, {alias}.instance DESC
LIMIT %(limit)s
