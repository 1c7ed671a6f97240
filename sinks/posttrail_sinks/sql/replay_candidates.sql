-- Ids of rows from the time of the window of which today's parser found nothing in it.
SELECT DISTINCT f.queue_id, f.host, f.instance
FROM delivery_from AS f
JOIN {shadow}.replay_host AS h USING (host)
WHERE f.t_first <= instant(h.last) AND f.t_last >= instant(h.first)
  AND NOT EXISTS (
    SELECT FROM {shadow}.replay_id AS i
    WHERE i.queue_id = f.queue_id AND i.host = f.host AND i.instance = f.instance
  )
