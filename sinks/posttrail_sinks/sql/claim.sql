-- Take partitions over: from now on their former owner is fenced. Waits for a transaction of the
-- former owner that is about to commit, and then sees what it left.
INSERT INTO sink_offset AS o (grp, topic, topic_id, part, next_offset, epoch, owner)
SELECT %(grp)s, %(topic)s, %(topic_id)s, c.part, c.first_offset, 1, %(owner)s
FROM unnest(%(parts)s::integer[], %(firsts)s::bigint[]) AS c (part, first_offset)
ORDER BY c.part
ON CONFLICT (grp, topic_id, part) DO UPDATE
SET epoch = o.epoch + 1, owner = excluded.owner, claimed_at = now()
RETURNING o.part, o.epoch, o.next_offset
