-- Rows of lines in the window that differ.
CREATE TABLE {shadow}.{diff} AS
SELECT
    {keys},
    CASE WHEN s.host IS NULL THEN 'vanished' WHEN l.host IS NULL THEN 'added' ELSE 'changed' END
        AS kind
FROM (
    SELECT r.* FROM {table} AS r
    JOIN {shadow}.replay_window AS w
        ON w.part = r.origin_partition
        AND r.origin_offset >= w.first_offset AND r.origin_offset < w.end_offset
) AS l
FULL JOIN {shadow}.{table} AS s USING ({keys})
WHERE ROW(l.*) IS DISTINCT FROM ROW(s.*)
