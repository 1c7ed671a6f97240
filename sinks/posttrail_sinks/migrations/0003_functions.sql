-- Functions of the merge and of the day partitions.
-- depends: 0001_tables

-- Exact: a double holds microseconds up to the year 2255.
CREATE FUNCTION instant(us bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_timestamp(us / 1000000::double precision)
$$;

CREATE FUNCTION set_union(a text[], b text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN b IS NULL OR a @> b THEN a
        WHEN a IS NULL THEN b
        ELSE ARRAY(SELECT DISTINCT e COLLATE "C" FROM unnest(a || b) AS e ORDER BY 1)
    END
$$;

CREATE FUNCTION set_union(a bigint[], b bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT DISTINCT e FROM unnest(a || b) AS e ORDER BY 1)
$$;

-- The newest 20 of both, oldest first. The largest k of a union do not depend on its order.
CREATE FUNCTION newest_attempts(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_agg(e ORDER BY t, part, off, ordinal)
    FROM (
        SELECT DISTINCT ON (t, part, off, ordinal) e, t, part, off, ordinal
        FROM jsonb_array_elements(a || b) AS e, LATERAL (
            SELECT (e->>'t')::bigint AS t, (e->'origin'->>0)::bigint AS part,
                (e->'origin'->>1)::bigint AS off, coalesce((e->>'ordinal')::bigint, 0) AS ordinal
        ) AS at
        ORDER BY t DESC, part DESC, off DESC, ordinal DESC
        LIMIT 20
    ) AS newest
$$;

-- Make the partitions of these days; returns how many were missing. LIKE and ATTACH: PARTITION OF
-- would lock out readers and writers of the whole table.
CREATE FUNCTION make_partitions(days date[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    day date;
    parent text;
    part text;
    made integer := 0;
BEGIN
    FOR day IN
        SELECT DISTINCT d FROM unnest(days) AS d
        WHERE to_regclass('noqueue_' || to_char(d, 'YYYYMMDD')) IS NULL ORDER BY d
    LOOP
        PERFORM pg_advisory_xact_lock(
            hashtextextended('posttrail partitions of ' || current_schema, 0)
        );
        FOREACH parent IN ARRAY ARRAY['delivery_from', 'delivery_to', 'noqueue'] LOOP
            part := parent || '_' || to_char(day, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(part) IS NOT NULL;
            EXECUTE 'CREATE TABLE ' || part || ' (LIKE ' || parent || ' INCLUDING ALL) WITH ('
                'fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, '
                'autovacuum_vacuum_insert_scale_factor = 0.05)';
            EXECUTE 'ALTER TABLE ' || parent || ' ATTACH PARTITION ' || part
                || ' FOR VALUES FROM (' || quote_literal(day || ' 00:00+00')
                || ') TO (' || quote_literal(day + 1 || ' 00:00+00') || ')';
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Drop the partitions of days before this one; returns their names. Today and later are safe from
-- it. At most a month's at once: each takes locks until COMMIT, and the server has only so many.
-- Waits 2 s for long readers, then fails: the next try comes.
CREATE FUNCTION drop_partitions(before date) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
    part text;
BEGIN
    IF before >= (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'partitions of % are too young to drop', before
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR part IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent IN (
            'delivery_from'::regclass, 'delivery_to'::regclass, 'noqueue'::regclass
        ) AND right(c.relname, 8) < to_char(before, 'YYYYMMDD')
        ORDER BY right(c.relname, 8), c.relname
        LIMIT 93
    LOOP
        EXECUTE 'DROP TABLE ' || quote_ident(part);
        RETURN NEXT part;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION make_partitions(date[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_partitions(date) FROM PUBLIC;
