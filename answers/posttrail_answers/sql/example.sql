-- The mail of the newest with the most to show: recipients first, then attempts.
SELECT newest.queue_id FROM (
    SELECT queue_id, host, instance, born FROM delivery_from
    WHERE sender IS NOT NULL ORDER BY born DESC LIMIT 500
) AS newest
JOIN delivery_to AS r USING (queue_id, host, instance, born)
WHERE NOT r.probe
GROUP BY newest.queue_id, newest.host, newest.instance, newest.born
HAVING count(*) <= 5
ORDER BY count(*) DESC, sum(r.attempt_count) DESC, newest.queue_id
LIMIT 1
