-- The indexes of {table} on the partition {part}, made when it is full.
DO $$
DECLARE
    definition text;
BEGIN
    SET LOCAL search_path TO public;
    FOR definition IN
        SELECT 'ALTER TABLE {part} ADD ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = '{table}'::regclass AND contype = 'p'
        UNION ALL
        SELECT regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \S+ ON ONLY \S+', 'INDEX ON {part}')
        FROM pg_index WHERE indrelid = '{table}'::regclass AND NOT indisprimary
    LOOP
        EXECUTE definition;
    END LOOP;
END
$$
