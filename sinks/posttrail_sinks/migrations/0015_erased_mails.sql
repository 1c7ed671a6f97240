-- Who was erased stays away whole: mails are remembered by their key, so that a line without the
-- address tells nothing of them either, and texts of others are read for the address. And a view that
-- shows marks of delivery events that nobody takes away.
-- depends: 0010_privacy 0011_events 0014_covered_indexes

CREATE VIEW waiting_event AS
SELECT
    (SELECT count(*) FROM (SELECT FROM event_change LIMIT 1000000) AS first) AS marks,
    (SELECT marked FROM event_change ORDER BY id LIMIT 1) AS oldest;

COMMENT ON VIEW waiting_event IS
    'Changed rows whose state is not on maillog.events yet, counted up to a million.';

CREATE TABLE erased_mail (
    queue_id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    born timestamptz NOT NULL,
    sent boolean NOT NULL,
    gone_by timestamptz NOT NULL,
    PRIMARY KEY (queue_id, host, instance, born)
);

COMMENT ON TABLE erased_mail IS 'Mails from and to people who were erased.';
COMMENT ON COLUMN erased_mail.sent IS 'By the erased person; false: to them.';

-- This and what follows is called by triggers, which set owner and search_path: to set them again for
-- each text would cost the most.
CREATE OR REPLACE FUNCTION was_erased(addresses text[], t timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY INVOKER AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM erasure_key, unnest(addresses) AS address, erased
        WHERE digest = sha256(key || convert_to(lower(address), 'UTF8')) AND t <= at
    );
END
$$;

-- Addresses of erased people in a text, found by their hashes: of all that may be one before each @.
CREATE FUNCTION erased_in(words text, t timestamptz) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF words IS NULL OR position('@' IN words) = 0 THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT DISTINCT address
        FROM erasure_key,
            regexp_matches(
                words,
                '([^[:space:]<>()@,:;"\\]+|"[^"@]+")(@[[:alnum:]-]+(?:\.[[:alnum:]-]+)*)', 'g'
            ) AS near,
            generate_series(1, length(near[1])) AS start,
            lower(substr(near[1], start) || near[2]) AS address,
            erased
        WHERE (start = 1 OR substr(near[1], start - 1, 1) !~ '[[:alnum:]._%+=-]')
            AND digest = sha256(key || convert_to(address, 'UTF8')) AND t <= at
    );
END
$$;

-- As posttrail_sinks/erase.py looks for an address that it knows.
CREATE FUNCTION without_addresses(words text, addresses text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    address text;
BEGIN
    FOREACH address IN ARRAY addresses LOOP
        words := regexp_replace(
            words,
            '(?<![[:alnum:]._%+=-])' || regexp_replace(address, '([^[:alnum:]])', '\\\1', 'g')
                || '(?![[:alnum:]-]|\.[[:alnum:]])',
            'erased', 'gi'
        );
    END LOOP;
    RETURN words;
END
$$;

CREATE FUNCTION without_erased(words text, t timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN without_addresses(words, erased_in(words, t));
END
$$;

CREATE OR REPLACE FUNCTION skip_erased_recipient() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    named text[];
BEGIN
    IF was_erased(ARRAY[NEW.recipient, NEW.orig_recipient], NEW.born) THEN
        RETURN NULL;
    END IF;
    IF NEW.recipient = 'erased' AND EXISTS (  -- so says what is kept of a short id
        SELECT FROM erased_mail AS m
        WHERE m.queue_id = NEW.queue_id AND m.host = NEW.host AND m.instance = NEW.instance
            AND m.born = NEW.born
    ) THEN
        RETURN NULL;
    END IF;
    named := erased_in(concat_ws(' ', NEW.response, NEW.attempts), NEW.born);
    IF named <> '{}' THEN
        NEW.response := without_addresses(NEW.response, named);
        NEW.attempts := without_addresses(NEW.attempts::text, named)::jsonb;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION hide_erased_sender() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    was_sent boolean;
    named text[];
BEGIN
    SELECT sent INTO was_sent FROM erased_mail AS m
    WHERE m.queue_id = NEW.queue_id AND m.host = NEW.host AND m.instance = NEW.instance
        AND m.born = NEW.born;
    IF was_sent IS NOT NULL THEN
        NEW.subject := NULL;
    END IF;
    IF was_sent OR was_erased(
        ARRAY[NEW.sender, NEW.verp_sender, NEW.sasl_username, NEW.sasl_sender], NEW.born
    ) THEN
        NEW.sender := NULL; NEW.verp_id := NULL; NEW.verp_sender := NULL;
        NEW.sasl_username := NULL; NEW.sasl_sender := NULL; NEW.subject := NULL;
        NEW.message_id := NULL; NEW.resent_message_id := NULL; NEW.reason := NULL;
        NEW.client_name := NULL; NEW.client_addr := NULL; NEW.client_port := NULL;
        NEW.orig_client_name := NULL; NEW.orig_client_addr := NULL; NEW.helo := NULL;
    END IF;
    named := erased_in(concat_ws(
        ' ', NEW.sender, NEW.subject, NEW.message_id, NEW.resent_message_id, NEW.reason
    ), NEW.born);
    IF named <> '{}' THEN
        NEW.sender := without_addresses(NEW.sender, named);
        NEW.subject := without_addresses(NEW.subject, named);
        NEW.message_id := without_addresses(NEW.message_id, named);
        NEW.resent_message_id := without_addresses(NEW.resent_message_id, named);
        NEW.reason := without_addresses(NEW.reason, named);
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION skip_erased_refusal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF was_erased(
        ARRAY[NEW.sender, NEW.recipient, NEW.sasl_username, NEW.sasl_sender], NEW.t
    ) THEN
        RETURN NULL;
    END IF;
    NEW.sender := without_erased(NEW.sender, NEW.t);
    NEW.reason := without_erased(NEW.reason, NEW.t);
    RETURN NEW;
END
$$;

-- A fact of a short id stays, or the mail's other lines would not be known to be of it. What is in it
-- of the person goes; where a mail's beginning is told by a client's name, something must be there.
CREATE FUNCTION fact_without_erased(fact jsonb, sent boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t timestamptz := instant((fact ->> 't')::bigint);
BEGIN
    IF fact ->> 'type' = 'from' AND sent IS NOT NULL THEN
        fact := fact - 'subject';
    END IF;
    IF fact ->> 'type' = 'from' AND (sent OR was_erased(
        ARRAY[
            fact ->> 'sender', fact ->> 'verp_sender', fact ->> 'sasl_username',
            fact ->> 'sasl_sender'
        ], t
    )) THEN
        IF fact ? 'client_name' THEN
            fact := fact || '{"client_name": "erased"}';
        END IF;
        fact := fact - ARRAY[
            'sender', 'verp_id', 'verp_sender', 'sasl_username', 'sasl_sender', 'subject',
            'message_id', 'resent_message_id', 'reason', 'client_addr', 'client_port',
            'orig_client_name', 'orig_client_addr', 'helo'
        ];
    END IF;
    RETURN (
        SELECT jsonb_object_agg(
            key,
            CASE jsonb_typeof(value)
                WHEN 'string' THEN to_jsonb(without_erased(value #>> '{}', t)) ELSE value
            END
        )
        FROM jsonb_each(fact)
    );
END
$$;

CREATE FUNCTION facts_without_erased(facts text, sent boolean) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '[' || string_agg(
        CASE WHEN left_of = fact::jsonb THEN fact::text ELSE left_of::text END, ',' ORDER BY place
    ) || ']'
    FROM json_array_elements(facts::json) WITH ORDINALITY AS each (fact, place),
        fact_without_erased(fact::jsonb, sent) AS left_of
$$;

ALTER FUNCTION skip_erased_facts() RENAME TO hide_erased_facts;
CREATE OR REPLACE FUNCTION hide_erased_facts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    NEW.facts := facts_without_erased(NEW.facts, (
        SELECT sent FROM erased_mail AS m
        WHERE m.queue_id = NEW.queue_id AND m.host = NEW.host AND m.instance = NEW.instance
            AND m.born = instant(NEW.born)
    ));
    RETURN NEW;
END
$$;

-- A fact that is dated in the future is as old as any other.
CREATE FUNCTION skip_erased_aside() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN CASE
        WHEN NEW.fact = without_erased(
            NEW.fact, CASE WHEN NEW.t > NEW.received THEN '-infinity' ELSE NEW.t END
        ) THEN NEW
    END;
END
$$;

-- The triggers look at rows only that may be older than the last erasure, so mail that comes later
-- costs nothing.
CREATE FUNCTION guard_erased() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    last timestamptz := (SELECT max(at) FROM erased);
    wanted record;
BEGIN
    IF last IS NULL THEN
        RETURN;
    END IF;
    FOR wanted IN
        VALUES
            ('delivery_from', 'hide_erased_sender', format('NEW.born <= %L', last)),
            ('delivery_to', 'skip_erased_recipient', format('NEW.born <= %L', last)),
            ('noqueue', 'skip_erased_refusal', format('NEW.t <= %L', last)),
            ('short_bundle', 'hide_erased_facts', format(
                'NEW.born IS NULL OR NEW.born <= %s', ceil(extract(epoch FROM last) * 1000000)
            )),
            ('set_aside', 'skip_erased_aside', 'true')
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER erased BEFORE INSERT ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %s()',
            wanted.column1, wanted.column3, wanted.column2
        );
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION erased_in(text, timestamptz), without_addresses(text, text[]),
    without_erased(text, timestamptz), fact_without_erased(jsonb, boolean),
    facts_without_erased(text, boolean), guard_erased() FROM PUBLIC;
