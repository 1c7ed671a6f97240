-- Newest first until the page is full: row by row through indexes. Other joins read whole days.
SET LOCAL enable_mergejoin TO off;
SET LOCAL enable_hashjoin TO off;
-- Of one stretch of time; what matches is found first and sorted then, for the newest rows in order
-- would be read one by one until enough of them hold a rare word.
WITH found AS MATERIALIZED (
    SELECT f.born, f.queue_id, f.host, f.instance
    FROM delivery_from AS f
    WHERE {conditions} AND f.born >= %(window_from)s AND f.born < %(window_until)s
)
SELECT born, queue_id, host, instance FROM found
ORDER BY born DESC, queue_id DESC, host DESC, instance DESC
LIMIT %(limit)s
