-- Ids whose facts have waited long enough for the line that opened their mail.
SELECT DISTINCT queue_id, host, instance
FROM short_bundle
WHERE born IS NULL AND received <= %(before)s
LIMIT 5000
