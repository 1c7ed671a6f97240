-- Newest first until the page is full: row by row through indexes. Other joins read whole days.
SET LOCAL enable_mergejoin TO off;
SET LOCAL enable_hashjoin TO off;
SELECT f.born, f.queue_id, f.host, f.instance
FROM delivery_from AS f
WHERE {conditions}
ORDER BY f.born DESC, f.queue_id DESC, f.host DESC, f.instance DESC
LIMIT %(limit)s
