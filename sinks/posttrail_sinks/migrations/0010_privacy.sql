-- Erasure of a person, and what keeps an erased address from coming back by a replay; retention by
-- table and by domain. No trigger is made here: as long as nobody was erased, nothing is slower.
-- depends: 0005_lines

CREATE TABLE erasure_key (key bytea NOT NULL);
INSERT INTO erasure_key
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

CREATE TABLE erased (
    digest bytea PRIMARY KEY,
    at timestamptz NOT NULL,
    gone_by timestamptz NOT NULL
);

COMMENT ON TABLE erased IS 'Addresses that were erased, as keyed hashes: older lines make no rows.';
COMMENT ON COLUMN erased.at IS 'Lines up to then are meant; the person may write again later.';
COMMENT ON COLUMN erased.gone_by IS 'When Kafka holds none of those lines any more.';

CREATE FUNCTION erased_digest(address text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT sha256(key || convert_to(lower(address), 'UTF8')) FROM erasure_key
$$;

CREATE FUNCTION was_erased(addresses text[], t timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM unnest(addresses) AS a JOIN erased ON digest = erased_digest(a) WHERE t <= at
    )
$$;

CREATE FUNCTION skip_erased_recipient() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN CASE
        WHEN was_erased(ARRAY[NEW.recipient, NEW.orig_recipient], NEW.born) THEN NULL ELSE NEW
    END;
END
$$;

CREATE FUNCTION hide_erased_sender() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF was_erased(
        ARRAY[NEW.sender, NEW.verp_sender, NEW.sasl_username, NEW.sasl_sender], NEW.born
    ) THEN
        NEW.sender := NULL; NEW.verp_id := NULL; NEW.verp_sender := NULL;
        NEW.sasl_username := NULL; NEW.sasl_sender := NULL; NEW.subject := NULL;
        NEW.message_id := NULL; NEW.resent_message_id := NULL; NEW.reason := NULL;
        NEW.client_name := NULL; NEW.client_addr := NULL; NEW.client_port := NULL;
        NEW.orig_client_name := NULL; NEW.orig_client_addr := NULL; NEW.helo := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION skip_erased_refusal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN CASE
        WHEN was_erased(
            ARRAY[NEW.sender, NEW.recipient, NEW.sasl_username, NEW.sasl_sender], NEW.t
        ) THEN NULL ELSE NEW
    END;
END
$$;

CREATE FUNCTION skip_erased_facts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN CASE
        WHEN EXISTS (
            SELECT FROM json_array_elements(NEW.facts::json) AS f
            WHERE was_erased(
                ARRAY[
                    f ->> 'sender', f ->> 'recipient', f ->> 'orig_recipient',
                    f ->> 'verp_sender', f ->> 'sasl_username', f ->> 'sasl_sender'
                ],
                instant((f ->> 't')::bigint)
            )
        ) THEN NULL ELSE NEW
    END;
END
$$;

-- For retention by table; otherwise as drop_partitions.
CREATE FUNCTION drop_refusals(before date) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s' AS $$
DECLARE
    part text;
BEGIN
    FOR part IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'noqueue'::regclass
            AND right(c.relname, 8) < to_char(least(before, current_date - 1), 'YYYYMMDD')
        ORDER BY c.relname
        LIMIT 93
    LOOP
        EXECUTE 'DROP TABLE ' || part;
        RETURN NEXT part;
    END LOOP;
END
$$;

-- Facts that no row may hold have no partitions.
CREATE FUNCTION forget_set_aside(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    WITH gone AS (
        DELETE FROM set_aside WHERE received < least(before, now() - interval '1 day') RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- What was from or to a domain; returns how many rows. At most some thousands at once: the next
-- call goes on. A mail from the domain goes whole; of a mail to it, the recipient and the subject.
CREATE FUNCTION forget_domain(domain text, before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    sent bigint;
    received bigint;
    refused bigint;
    until timestamptz := least(before, now() - interval '1 day');
BEGIN
    WITH picked AS (
        SELECT queue_id, host, instance, born FROM delivery_from
        WHERE lower(split_part(sender, '@', -1)) = lower(domain) AND born < until
        LIMIT 5000
    ), recipients AS (
        DELETE FROM delivery_to USING picked WHERE (delivery_to.queue_id, delivery_to.host,
            delivery_to.instance, delivery_to.born)
            = (picked.queue_id, picked.host, picked.instance, picked.born)
        RETURNING 1
    ), mails AS (
        DELETE FROM delivery_from USING picked WHERE (delivery_from.queue_id, delivery_from.host,
            delivery_from.instance, delivery_from.born)
            = (picked.queue_id, picked.host, picked.instance, picked.born)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM recipients) + (SELECT count(*) FROM mails) INTO sent;
    WITH picked AS (
        SELECT queue_id, host, instance, born, recipient, orig_recipient FROM delivery_to
        WHERE lower(split_part(recipient, '@', -1)) = lower(domain) AND born < until
        LIMIT 5000
    ), subjects AS (
        UPDATE delivery_from SET subject = NULL FROM picked
        WHERE (delivery_from.queue_id, delivery_from.host, delivery_from.instance,
            delivery_from.born) = (picked.queue_id, picked.host, picked.instance, picked.born)
            AND subject IS NOT NULL
    ), gone AS (
        DELETE FROM delivery_to USING picked WHERE (delivery_to.queue_id, delivery_to.host,
            delivery_to.instance, delivery_to.born, delivery_to.recipient,
            delivery_to.orig_recipient) = (picked.queue_id, picked.host, picked.instance, picked.born,
            picked.recipient, picked.orig_recipient)
        RETURNING 1
    )
    SELECT count(*) FROM gone INTO received;
    WITH picked AS (
        SELECT t, line_id FROM noqueue
        WHERE (lower(split_part(recipient, '@', -1)) = lower(domain)
            OR lower(split_part(sender, '@', -1)) = lower(domain)) AND t < until
        LIMIT 5000
    ), gone AS (
        DELETE FROM noqueue USING picked WHERE (noqueue.t, noqueue.line_id) = (picked.t, picked.line_id)
        RETURNING 1
    )
    SELECT count(*) FROM gone INTO refused;
    RETURN sent + received + refused;
END
$$;

REVOKE EXECUTE ON FUNCTION erased_digest(text), was_erased(text[], timestamptz),
    drop_refusals(date), forget_set_aside(timestamptz), forget_domain(text, timestamptz)
    FROM PUBLIC;
