-- The mails to be compared: of the ids in the window, and alive at its time.
CREATE TABLE {shadow}.replay_mail AS
SELECT
    queue_id, host, instance, born,
    coalesce(l.t_first < s.t_first, false) AS knows_more,
    s.t_first IS NULL AS vanishes
FROM (
    SELECT f.queue_id, f.host, f.instance, f.born, f.t_first
    FROM delivery_from AS f
    JOIN {shadow}.replay_id USING (queue_id, host, instance)
    JOIN {shadow}.replay_host AS h USING (host)
    WHERE f.t_first <= instant(h.last) AND f.t_last >= instant(h.first)
) AS l
FULL JOIN (
    SELECT f.queue_id, f.host, f.instance, f.born, f.t_first
    FROM {shadow}.delivery_from AS f
    JOIN {shadow}.replay_id USING (queue_id, host, instance)
    JOIN {shadow}.replay_host AS h USING (host)
    WHERE f.t_first <= instant(h.last) AND f.t_last >= instant(h.first)
) AS s USING (queue_id, host, instance, born)
