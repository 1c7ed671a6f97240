INSERT INTO {shadow}.replay_moving (queue_id, host, instance)
SELECT queue_id, host, instance
FROM unnest(%(queue_ids)s::text[], %(hosts)s::text[], %(instances)s::text[])
    AS i (queue_id, host, instance)
ON CONFLICT DO NOTHING
