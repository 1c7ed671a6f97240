-- The whole topic is the window: every row is about its time, those that are lost too.
INSERT INTO {shadow}.replay_host (host, first, last)
SELECT host, 0, 253402300799999999
FROM (
    SELECT host FROM delivery_from
    UNION
    SELECT host FROM {shadow}.delivery_from
) AS every
