SELECT part, next_offset FROM sink_offset
WHERE grp = %(group)s AND topic = %(topic)s AND topic_id = %(topic_id)s
