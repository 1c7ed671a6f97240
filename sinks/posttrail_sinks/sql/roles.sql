-- Roles that nobody logs in as; grant them to those who do. Runs again without harm.
--   posttrail_owner   owns everything here: migrations, replays
--   posttrail_writer  what a sink needs and no more
--   posttrail_reader  may only read
--   posttrail_visitor may only read what is from or to the domains of the setting posttrail.domains
--   posttrail_events  reads, and crosses off what other programs have been told of
--   posttrail_web     the web page: becomes reader or visitor for a look, and writes the look down
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'posttrail_owner', 'posttrail_writer', 'posttrail_reader', 'posttrail_visitor', 'posttrail_web',
        'posttrail_events'
    ] LOOP
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
        || ' TO posttrail_writer, posttrail_reader, posttrail_visitor, posttrail_web, posttrail_events';
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
-- `posttrail check` sees by it whether the schema fits.
GRANT SELECT ON _yoyo_migration TO posttrail_writer, posttrail_reader;

-- The web page has no right to read until it says as whom.
ALTER ROLE posttrail_web NOINHERIT;
GRANT posttrail_reader, posttrail_visitor TO posttrail_web;
ALTER TABLE audit_lookup OWNER TO posttrail_owner;
GRANT INSERT ON audit_lookup TO posttrail_web;

-- Visitors have a right to the whole tables only, never to a day, and there row security rules.
-- It does not bind the owner; writers and readers see all.
ALTER FUNCTION visitor_domains() OWNER TO posttrail_owner;
ALTER FUNCTION visitor_sent(text, text, text, timestamptz) OWNER TO posttrail_owner;
ALTER FUNCTION visitor_received(text, text, text, timestamptz) OWNER TO posttrail_owner;
GRANT EXECUTE ON FUNCTION visitor_sent(text, text, text, timestamptz),
    visitor_received(text, text, text, timestamptz) TO posttrail_visitor;
GRANT SELECT ON delivery_from, delivery_to, noqueue, log_gap TO posttrail_visitor;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['delivery_from', 'delivery_to', 'noqueue'] LOOP
        EXECUTE 'DROP POLICY IF EXISTS all_rows ON ' || name;
        EXECUTE 'DROP POLICY IF EXISTS own_domains ON ' || name;
        EXECUTE 'CREATE POLICY all_rows ON ' || name
            || ' TO posttrail_writer, posttrail_reader USING (true) WITH CHECK (true)';
        EXECUTE 'ALTER TABLE ' || name || ' ENABLE ROW LEVEL SECURITY';
    END LOOP;
END
$$;

-- Expressions are those of the search's indexes. The select makes the domains a constant of the query.
CREATE POLICY own_domains ON delivery_from FOR SELECT TO posttrail_visitor USING (
    lower(split_part(sender, '@', -1)) = ANY ((SELECT visitor_domains())::text[])
    OR visitor_received(queue_id, host, instance, born)
);
CREATE POLICY own_domains ON delivery_to FOR SELECT TO posttrail_visitor USING (
    lower(split_part(recipient, '@', -1)) = ANY ((SELECT visitor_domains())::text[])
    OR lower(split_part(orig_recipient, '@', -1)) = ANY ((SELECT visitor_domains())::text[])
    OR visitor_sent(queue_id, host, instance, born)
);
CREATE POLICY own_domains ON noqueue FOR SELECT TO posttrail_visitor USING (
    lower(split_part(sender, '@', -1)) = ANY ((SELECT visitor_domains())::text[])
    OR lower(split_part(recipient, '@', -1)) = ANY ((SELECT visitor_domains())::text[])
);

-- Behind row security an index serves only conditions that cannot tell of hidden rows. These two
-- functions raise no error that depends on a value, but PostgreSQL does not say so by itself. Only a
-- superuser can; without it a visitor's search is right all the same, and slow on big tables.
DO $$
BEGIN
    ALTER FUNCTION pg_catalog.lower(text) LEAKPROOF;
    ALTER FUNCTION pg_catalog.split_part(text, text, integer) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'only a superuser can make the searches of visitors fast: see docs/web.md';
END
$$;

-- Privacy: only the owner sees who was erased; a sink may forget what is too old.
ALTER TABLE erasure_key OWNER TO posttrail_owner;
ALTER TABLE erased OWNER TO posttrail_owner;
ALTER FUNCTION erased_digest(text) OWNER TO posttrail_owner;
ALTER FUNCTION was_erased(text[], timestamptz) OWNER TO posttrail_owner;
ALTER FUNCTION skip_erased_recipient() OWNER TO posttrail_owner;
ALTER FUNCTION hide_erased_sender() OWNER TO posttrail_owner;
ALTER FUNCTION skip_erased_refusal() OWNER TO posttrail_owner;
ALTER FUNCTION hide_erased_facts() OWNER TO posttrail_owner;
ALTER FUNCTION skip_erased_aside() OWNER TO posttrail_owner;
ALTER TABLE erased_mail OWNER TO posttrail_owner;
ALTER FUNCTION erased_in(text, timestamptz) OWNER TO posttrail_owner;
ALTER FUNCTION without_addresses(text, text[]) OWNER TO posttrail_owner;
ALTER FUNCTION without_erased(text, timestamptz) OWNER TO posttrail_owner;
ALTER FUNCTION fact_without_erased(jsonb, boolean) OWNER TO posttrail_owner;
ALTER FUNCTION facts_without_erased(text, boolean) OWNER TO posttrail_owner;
ALTER FUNCTION guard_erased() OWNER TO posttrail_owner;
ALTER FUNCTION drop_refusals(date) OWNER TO posttrail_owner;
ALTER FUNCTION forget_set_aside(timestamptz) OWNER TO posttrail_owner;
ALTER FUNCTION forget_domain(text, timestamptz) OWNER TO posttrail_owner;
GRANT EXECUTE ON FUNCTION drop_refusals(date), forget_set_aside(timestamptz),
    forget_domain(text, timestamptz) TO posttrail_writer;

-- Delivery events. The triggers that mark what has changed run as the owner.
ALTER TABLE event_change OWNER TO posttrail_owner;
ALTER FUNCTION mark_mails() OWNER TO posttrail_owner;
ALTER FUNCTION mark_recipients() OWNER TO posttrail_owner;
ALTER FUNCTION mark_updated_mails() OWNER TO posttrail_owner;
ALTER FUNCTION mark_updated_recipients() OWNER TO posttrail_owner;
GRANT posttrail_reader TO posttrail_events;
GRANT SELECT, DELETE ON event_change TO posttrail_events;
ALTER VIEW waiting_event OWNER TO posttrail_owner;
GRANT SELECT ON waiting_event TO posttrail_reader;
