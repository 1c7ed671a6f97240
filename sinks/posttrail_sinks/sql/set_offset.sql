-- Stand somewhere else, under a new epoch: whoever holds the partition is fenced.
INSERT INTO sink_offset AS o (grp, topic, topic_id, part, next_offset, epoch, owner)
SELECT %(grp)s, %(topic)s, %(topic_id)s, t.part, t.next_offset, 1, %(owner)s
FROM unnest(%(parts)s::integer[], %(offsets)s::bigint[]) AS t (part, next_offset)
ORDER BY t.part
ON CONFLICT (grp, topic_id, part) DO UPDATE
SET next_offset = excluded.next_offset, epoch = o.epoch + 1, owner = excluded.owner,
    claimed_at = now()
RETURNING o.part, o.epoch, o.next_offset
