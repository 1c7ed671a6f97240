-- Move offsets with the rows, only where the claim still holds; returns the partitions moved.
WITH held AS (
    SELECT o.part
    FROM sink_offset AS o
    WHERE o.grp = %(grp)s AND o.topic_id = %(topic_id)s AND o.part = ANY (%(parts)s)
    ORDER BY o.part
    FOR UPDATE
), span AS (
    SELECT s.part, s.epoch, s.from_offset, s.to_offset
    FROM unnest(
        %(parts)s::integer[], %(epochs)s::bigint[], %(froms)s::bigint[], %(tos)s::bigint[]
    ) AS s (part, epoch, from_offset, to_offset)
    JOIN held USING (part)
)
UPDATE sink_offset AS o
SET next_offset = s.to_offset
FROM span AS s
WHERE o.grp = %(grp)s AND o.topic_id = %(topic_id)s AND o.part = s.part
  AND o.epoch = s.epoch AND o.next_offset = s.from_offset
RETURNING o.part
