-- All facts kept of the ids in the batch. OFFSET 0: one probe of the key per id, whatever the
-- planner thinks of a stage that it has no statistics for.
SELECT f.*
FROM stage_id AS i, LATERAL (
    SELECT s.queue_id, s.host, s.instance, s.received, s.born, s.facts
    FROM short_bundle AS s
    WHERE s.queue_id = i.queue_id AND s.host = i.host AND s.instance = i.instance
    OFFSET 0
) AS f
