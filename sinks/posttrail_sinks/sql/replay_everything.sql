-- The whole topic is the window: every row is about its time.
INSERT INTO {shadow}.replay_host (host, first, last)
SELECT DISTINCT host, 0, 253402300799999999 FROM delivery_from
