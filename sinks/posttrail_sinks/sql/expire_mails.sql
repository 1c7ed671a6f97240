-- A mail that expired takes its deferred recipients with it, whichever line came first.
-- The bounds leave the partitions of other days out of the plan.
UPDATE delivery_to AS r
SET status = 'expired'
FROM stage_from AS s
WHERE s.expired_at IS NOT NULL AND r.queue_id = s.queue_id AND r.host = s.host
  AND r.instance = s.instance AND r.born = instant(s.born) AND r.status = 'deferred'
  AND r.born BETWEEN instant(%(first)s) AND instant(%(last)s)
