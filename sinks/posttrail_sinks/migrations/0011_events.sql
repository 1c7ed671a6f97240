-- Which states other programs have not been told of yet. Written by triggers that only exist while
-- delivery events are switched on (`posttrail events on`): whoever changes a row, a sink, a replay or
-- an erasure, leaves a mark in the same transaction. Whoever publishes reads the rows as they then are
-- and takes the marks away, so no mark is lost that is committed late.
-- depends: 0005_lines

CREATE TABLE event_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    marked timestamptz NOT NULL DEFAULT now(),
    queue_id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    born timestamptz NOT NULL,
    recipient text COLLATE "C",
    orig_recipient text COLLATE "C",
    of_recipients boolean NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.5);

COMMENT ON TABLE event_change IS 'Changed rows whose state is not on maillog.events yet.';
COMMENT ON COLUMN event_change.recipient IS 'Null: the mail as a whole.';
COMMENT ON COLUMN event_change.of_recipients IS 'What changed of the mail is told of its recipients, too.';

-- For rows that are new or gone: all of them.
CREATE FUNCTION mark_mails() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO event_change (queue_id, host, instance, born, of_recipients)
    SELECT queue_id, host, instance, born, true FROM changed;
    RETURN NULL;
END
$$;

CREATE FUNCTION mark_recipients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO event_change (
        queue_id, host, instance, born, recipient, orig_recipient, of_recipients
    )
    SELECT queue_id, host, instance, born, recipient, orig_recipient, false FROM changed;
    RETURN NULL;
END
$$;

-- For rows that stay: those of which something is told that is another now. A plan is kept, and one
-- that was made for a few rows would compare each of thousands with all others.
CREATE FUNCTION mark_updated_mails() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO event_change (queue_id, host, instance, born, of_recipients)
    SELECT
        n.queue_id, n.host, n.instance, n.born,
        (n.sender, n.message_id) IS DISTINCT FROM (o.sender, o.message_id)
    FROM changed AS n
    JOIN before AS o USING (queue_id, host, instance, born)
    WHERE (n.sender, n.message_id, n.size, n.nrcpt, n.status_order, n.reason, n.t_first)
        IS DISTINCT FROM
        (o.sender, o.message_id, o.size, o.nrcpt, o.status_order, o.reason, o.t_first);
    RETURN NULL;
END
$$;

CREATE FUNCTION mark_updated_recipients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO event_change (
        queue_id, host, instance, born, recipient, orig_recipient, of_recipients
    )
    SELECT queue_id, host, instance, born, recipient, orig_recipient, false
    FROM changed AS n
    JOIN before AS o USING (queue_id, host, instance, born, recipient, orig_recipient)
    WHERE (n.status, n.t, n.relay, n.dsn, n.response, n.delay, n.attempt_count, n.next_queue_id,
            n.probe)
        IS DISTINCT FROM
        (o.status, o.t, o.relay, o.dsn, o.response, o.delay, o.attempt_count, o.next_queue_id,
            o.probe);
    RETURN NULL;
END
$$;
