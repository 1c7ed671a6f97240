-- The same for recipients whose lines come after that of the mail.
UPDATE delivery_to AS r
SET status = 'expired'
FROM stage_to AS s
JOIN delivery_from AS f
  ON f.queue_id = s.queue_id AND f.host = s.host AND f.instance = s.instance
  AND f.born = instant(s.born) AND f.expired_at IS NOT NULL
WHERE NOT s.is_final AND r.queue_id = s.queue_id AND r.host = s.host AND r.instance = s.instance
  AND r.born = instant(s.born) AND r.recipient = s.recipient
  AND r.orig_recipient = s.orig_recipient AND r.status = 'deferred'
  AND f.born BETWEEN instant(%(first)s) AND instant(%(last)s)
  AND r.born BETWEEN instant(%(first)s) AND instant(%(last)s)
