DELETE FROM event_change WHERE id = ANY (%(ids)s)
