-- Compare and set: a fact that another session moved in the meantime is not moved again.
UPDATE short_fact AS s
SET born = m.new_born
FROM stage_move AS m
WHERE s.queue_id = m.queue_id AND s.host = m.host AND s.instance = m.instance
  AND s.origin_offset = m.origin_offset AND s.origin_partition = m.origin_partition
  AND s.ordinal = m.ordinal AND s.kind = m.kind AND s.born IS NOT DISTINCT FROM m.old_born
