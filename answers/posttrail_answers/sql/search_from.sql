SELECT f.born, f.queue_id, f.host, f.instance
FROM delivery_from AS f
WHERE {conditions}
ORDER BY f.born DESC, f.queue_id DESC, f.host DESC, f.instance DESC
LIMIT %(limit)s
