SELECT count(*) = 6 FROM pg_trigger
WHERE tgrelid IN ('delivery_from'::regclass, 'delivery_to'::regclass)
    AND tgname IN ('events_made', 'events_updated', 'events_gone')
