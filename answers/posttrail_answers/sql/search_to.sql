SELECT DISTINCT d.born, d.queue_id, d.host, d.instance
FROM delivery_to AS d
WHERE {conditions}
ORDER BY d.born DESC, d.queue_id DESC, d.host DESC, d.instance DESC
LIMIT %(limit)s
