-- Mails that already have rows, of these ids, and the time that their lines span. OFFSET 0: one
-- probe of the key per id and day, whatever the planner thinks.
SELECT
    f.queue_id, f.host, f.instance, (extract(epoch FROM f.born) * 1000000)::bigint,
    (extract(epoch FROM f.t_first) * 1000000)::bigint,
    (extract(epoch FROM f.t_last) * 1000000)::bigint
FROM unnest(%(queue_ids)s::text[], %(hosts)s::text[], %(instances)s::text[])
    AS i (queue_id, host, instance),
LATERAL (
    SELECT d.queue_id, d.host, d.instance, d.born, d.t_first, d.t_last
    FROM delivery_from AS d
    WHERE d.queue_id = i.queue_id COLLATE "C" AND d.host = i.host COLLATE "C"
      AND d.instance = i.instance COLLATE "C"
      AND d.born BETWEEN instant(%(first)s) AND instant(%(last)s)
    OFFSET 0
) AS f
