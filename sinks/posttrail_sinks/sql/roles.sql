-- Three roles that nobody logs in as; grant them to those who do. Runs again without harm.
--   posttrail_owner   owns everything here: migrations, replays
--   posttrail_writer  what a sink needs and no more
--   posttrail_reader  may only read
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['posttrail_owner', 'posttrail_writer', 'posttrail_reader'] LOOP
        BEGIN
            EXECUTE 'CREATE ROLE ' || name;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles are the whole server's: another database may have made it
        END;
        IF NOT pg_has_role(current_user, name, 'USAGE') THEN
            EXECUTE 'GRANT ' || name || ' TO ' || quote_ident(current_user);
        END IF;
    END LOOP;
    EXECUTE 'GRANT USAGE, CREATE ON SCHEMA ' || quote_ident(current_schema)
        || ' TO posttrail_owner';
    EXECUTE 'GRANT USAGE ON SCHEMA ' || quote_ident(current_schema)
        || ' TO posttrail_writer, posttrail_reader';
    EXECUTE 'GRANT TEMPORARY ON DATABASE ' || quote_ident(current_database())
        || ' TO posttrail_writer';
END
$$;

DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT inhrelid FROM pg_inherits WHERE inhparent IN (
            'delivery_from'::regclass, 'delivery_to'::regclass, 'noqueue'::regclass
        )
        ORDER BY inhrelid
    LOOP
        EXECUTE 'ALTER TABLE ' || part || ' OWNER TO posttrail_owner';
    END LOOP;
END
$$;

ALTER TABLE delivery_from OWNER TO posttrail_owner;
ALTER TABLE delivery_to OWNER TO posttrail_owner;
ALTER TABLE noqueue OWNER TO posttrail_owner;
ALTER TABLE log_gap OWNER TO posttrail_owner;
ALTER TABLE set_aside OWNER TO posttrail_owner;
ALTER TABLE short_bundle OWNER TO posttrail_owner;
ALTER TABLE sink_offset OWNER TO posttrail_owner;
ALTER VIEW short_fact OWNER TO posttrail_owner;
ALTER VIEW mail OWNER TO posttrail_owner;
ALTER VIEW refused OWNER TO posttrail_owner;
ALTER VIEW undelivered OWNER TO posttrail_owner;
ALTER TABLE host_hour OWNER TO posttrail_owner;
ALTER VIEW host_silence OWNER TO posttrail_owner;
ALTER VIEW silent_host OWNER TO posttrail_owner;
ALTER VIEW deferred_destination OWNER TO posttrail_owner;
ALTER VIEW login_spread OWNER TO posttrail_owner;
ALTER VIEW recent_gap OWNER TO posttrail_owner;
ALTER VIEW waiting_short_id OWNER TO posttrail_owner;
ALTER FUNCTION learn_hours() OWNER TO posttrail_owner;
ALTER FUNCTION make_partitions(date[]) OWNER TO posttrail_owner;
ALTER FUNCTION drop_partitions(date) OWNER TO posttrail_owner;

GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_from, delivery_to TO posttrail_writer;
GRANT SELECT, INSERT, DELETE ON short_bundle TO posttrail_writer;
-- Of a line that was sent twice the smaller origin stays; no more of these rows is seen or changed.
GRANT INSERT, SELECT (t, line_id, origin_partition, origin_offset),
    UPDATE (origin_partition, origin_offset) ON noqueue, log_gap TO posttrail_writer;
GRANT INSERT ON set_aside TO posttrail_writer;
GRANT SELECT, INSERT, UPDATE ON sink_offset TO posttrail_writer;
GRANT EXECUTE ON FUNCTION make_partitions(date[]), drop_partitions(date), learn_hours()
    TO posttrail_writer;

GRANT SELECT ON delivery_from, delivery_to, noqueue, log_gap, set_aside, sink_offset,
    mail, refused, undelivered TO posttrail_reader;
GRANT SELECT ON host_hour, host_silence, silent_host, deferred_destination, login_spread,
    recent_gap, waiting_short_id TO posttrail_reader;
