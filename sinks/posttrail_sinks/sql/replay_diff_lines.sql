-- Rows of lines in the window that differ. A line that was sent twice has one row: where its origin
-- stands outside of the window, the row is not of it.
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
FULL JOIN (
    SELECT r.* FROM {shadow}.{table} AS r
    WHERE NOT EXISTS (
        SELECT FROM {table} AS o
        WHERE ({other_keys}) = ({row_keys}) AND NOT EXISTS (
            SELECT FROM {shadow}.replay_window AS w
            WHERE w.part = o.origin_partition
              AND o.origin_offset >= w.first_offset AND o.origin_offset < w.end_offset
        )
    )
) AS s USING ({keys})
WHERE ROW(l.*) IS DISTINCT FROM ROW(s.*)
