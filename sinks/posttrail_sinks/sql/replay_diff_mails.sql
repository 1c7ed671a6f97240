-- Rows of these mails that differ.
CREATE TABLE {shadow}.{diff} AS
SELECT
    {keys},
    CASE WHEN s IS NULL THEN 'vanished' WHEN l IS NULL THEN 'added' ELSE 'changed' END AS kind
FROM (
    SELECT r.* FROM {table} AS r
    JOIN {shadow}.replay_mail AS m USING (queue_id, host, instance, born)
) AS l
FULL JOIN (
    SELECT r.* FROM {shadow}.{table} AS r
    JOIN {shadow}.replay_mail AS m USING (queue_id, host, instance, born)
) AS s USING ({keys})
WHERE l IS DISTINCT FROM s
