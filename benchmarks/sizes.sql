-- Bytes on disk of each table with its partitions: rows, and the indexes beside them.
SELECT
    parent.relname, sum(pg_table_size(part.relid))::bigint, sum(pg_indexes_size(part.relid))::bigint
FROM pg_class AS parent, LATERAL (
    SELECT relid FROM pg_partition_tree(parent.oid) WHERE isleaf
    UNION
    SELECT parent.oid
) AS part
WHERE parent.relname IN ('delivery_from', 'delivery_to', 'noqueue', 'short_bundle')
GROUP BY parent.relname
ORDER BY parent.relname
