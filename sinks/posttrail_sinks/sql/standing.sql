-- Where a group stands, without claiming anything.
SELECT o.part, o.epoch, o.next_offset
FROM sink_offset AS o
WHERE o.grp = %(grp)s AND o.topic_id = %(topic_id)s
ORDER BY o.part
