DELETE FROM event_change
