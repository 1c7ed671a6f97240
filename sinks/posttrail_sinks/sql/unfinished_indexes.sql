-- What builds that were broken off have left: of no use to readers, and kept up by writers.
SELECT x.indexrelid::regclass::text
FROM pg_index AS x
JOIN pg_class AS named ON named.oid = x.indexrelid
JOIN pg_namespace AS n ON n.oid = named.relnamespace AND n.nspname = current_schema
WHERE NOT x.indisvalid AND named.relkind = 'i' AND NOT named.relispartition
ORDER BY x.indexrelid
