-- Indexes of whole tables that some partitions lack yet, the newest days first.
SELECT parent.indexrelid, part.oid
FROM pg_index AS parent
JOIN pg_class AS whole ON whole.oid = parent.indexrelid AND whole.relkind = 'I'
JOIN pg_namespace AS n ON n.oid = whole.relnamespace AND n.nspname = current_schema
JOIN pg_inherits AS i ON i.inhparent = parent.indrelid
JOIN pg_class AS part ON part.oid = i.inhrelid
WHERE NOT parent.indisvalid AND NOT EXISTS (
    SELECT FROM pg_inherits AS attached
    JOIN pg_index AS child ON child.indexrelid = attached.inhrelid
    WHERE attached.inhparent = parent.indexrelid AND child.indrelid = part.oid
)
ORDER BY right(part.relname, 8) DESC, part.relname, parent.indexrelid
