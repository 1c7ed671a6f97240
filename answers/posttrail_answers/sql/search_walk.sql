-- Newest first along one index, until the page is full. LIMIT keeps the other conditions out of the
-- brackets: no other index may be chosen for them. Its %(bound)s is null where there is no bound.
SET LOCAL enable_bitmapscan TO off;
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_sort TO off;
SET LOCAL enable_hashagg TO off;
SET LOCAL jit TO off;
SELECT DISTINCT {alias}.born, {alias}.queue_id, {alias}.host, {alias}.instance
FROM (
    SELECT * FROM {table} AS {alias}
    WHERE {walked}
    ORDER BY {alias}.born DESC, {alias}.queue_id DESC, {alias}.host DESC, {alias}.instance DESC
    LIMIT %(bound)s
) AS {alias}
WHERE {conditions}
ORDER BY {alias}.born DESC, {alias}.queue_id DESC, {alias}.host DESC, {alias}.instance DESC
LIMIT %(limit)s
