-- What an index of the whole table is on one partition: what to build, the name of the whole, whether
-- it computes anything, the partition, and the name of what is built already but not a part of the whole
-- yet. No row: the partition is gone.
WITH defined AS (
    SELECT
        indexrelid, indrelid, indexprs IS NOT NULL AS computes,
        regexp_replace(pg_get_indexdef(indexrelid), 'INDEX .*? USING', 'INDEX USING') AS words
    FROM pg_index
    WHERE indexrelid = %(whole)s OR (indrelid = %(part)s AND indisvalid)
)
SELECT
    replace(
        whole.words, 'INDEX USING', 'INDEX CONCURRENTLY ON ' || part.oid::regclass || ' USING'
    ),
    whole.indexrelid::regclass::text,
    whole.computes,
    part.oid::regclass::text,
    (
        SELECT min(built.indexrelid)::regclass::text
        FROM defined AS built JOIN pg_class AS named ON named.oid = built.indexrelid
        WHERE built.indrelid = part.oid AND built.words = whole.words AND NOT named.relispartition
    )
FROM defined AS whole
JOIN pg_class AS part ON part.oid = %(part)s
WHERE whole.indexrelid = %(whole)s
