-- Mails that already have rows, of the ids in the stage, and the time that their lines span.
SELECT
    f.queue_id, f.host, f.instance, (extract(epoch FROM f.born) * 1000000)::bigint,
    (extract(epoch FROM f.t_first) * 1000000)::bigint,
    (extract(epoch FROM f.t_last) * 1000000)::bigint
FROM stage_id AS i
JOIN delivery_from AS f USING (queue_id, host, instance)
WHERE f.born BETWEEN instant(%(first)s) AND instant(%(last)s)
