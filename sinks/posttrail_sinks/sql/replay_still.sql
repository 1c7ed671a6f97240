-- What moves is left alone.
DELETE FROM {shadow}.{diff} AS d
USING {shadow}.replay_moving AS m
WHERE m.queue_id = d.queue_id AND m.host = d.host AND m.instance = d.instance
