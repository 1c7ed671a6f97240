-- Ids with lines that wait for the one that opened their mail.
INSERT INTO {shadow}.replay_moving (queue_id, host, instance)
SELECT DISTINCT queue_id, host, instance FROM short_bundle WHERE born IS NULL
ON CONFLICT DO NOTHING
