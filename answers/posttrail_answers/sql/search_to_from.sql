-- Newest first until the page is full: row by row through indexes. Other joins read whole days.
SET LOCAL enable_mergejoin TO off;
SET LOCAL enable_hashjoin TO off;
SELECT DISTINCT d.born, d.queue_id, d.host, d.instance
FROM delivery_to AS d
JOIN delivery_from AS f USING (queue_id, host, instance, born)
WHERE {conditions}
ORDER BY d.born DESC, d.queue_id DESC, d.host DESC, d.instance DESC
LIMIT %(limit)s
