-- Compare and delete: a bundle that another session undid in the meantime is not there any more.
DELETE FROM short_bundle AS s
USING stage_undone AS u
WHERE s.queue_id = u.queue_id AND s.host = u.host AND s.instance = u.instance
  AND s.origin_offset = u.origin_offset AND s.origin_partition = u.origin_partition
  AND s.ordinal = u.ordinal AND s.kind = u.kind AND s.born IS NOT DISTINCT FROM u.born
