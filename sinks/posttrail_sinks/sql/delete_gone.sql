-- Mails that turned out to be others, to be built anew from their facts. A row that knows more than
-- the facts that are kept stays.
WITH gone AS (
    DELETE FROM delivery_from AS f
    USING stage_gone AS g
    WHERE f.queue_id = g.queue_id AND f.host = g.host AND f.instance = g.instance
      AND f.born = instant(g.born) AND f.t_first >= instant(g.first)
      AND f.born BETWEEN instant(%(first)s) AND instant(%(last)s)
    RETURNING f.queue_id, f.host, f.instance, f.born
)
DELETE FROM delivery_to AS r
USING gone
WHERE r.queue_id = gone.queue_id AND r.host = gone.host AND r.instance = gone.instance
  AND r.born = gone.born AND r.born BETWEEN instant(%(first)s) AND instant(%(last)s)
