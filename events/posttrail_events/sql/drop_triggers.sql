SET LOCAL lock_timeout = '10s';

DROP TRIGGER IF EXISTS events_made ON delivery_from;
DROP TRIGGER IF EXISTS events_updated ON delivery_from;
DROP TRIGGER IF EXISTS events_gone ON delivery_from;
DROP TRIGGER IF EXISTS events_made ON delivery_to;
DROP TRIGGER IF EXISTS events_updated ON delivery_to;
DROP TRIGGER IF EXISTS events_gone ON delivery_to
