-- The tables of mails, refusals and gaps, in whatever schema comes first in search_path.
-- Text compares by bytes (COLLATE "C"), as Python does: merging is the same on both sides.

CREATE TABLE delivery_from (
    queue_id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    born timestamptz NOT NULL,
    t_first timestamptz NOT NULL,
    t_last timestamptz NOT NULL,
    removed_at timestamptz,
    expired_at timestamptz,
    uid bigint,
    size bigint,
    nrcpt integer,
    client_port integer,
    client_addr inet,
    orig_client_addr inet,
    client_name text COLLATE "C",
    sasl_method text COLLATE "C",
    sasl_username text COLLATE "C",
    sasl_sender text COLLATE "C",
    orig_queue_id text COLLATE "C",
    orig_client_name text COLLATE "C",
    requeued_from text COLLATE "C",
    sender text COLLATE "C",
    verp_id text COLLATE "C",
    verp_sender text COLLATE "C",
    message_id text COLLATE "C",
    resent_message_id text COLLATE "C",
    subject text COLLATE "C",
    status text COLLATE "C",
    reason text COLLATE "C",
    proto text COLLATE "C",
    helo text COLLATE "C",
    bounce_ids text[] COLLATE "C",
    delay_ids text[] COLLATE "C",
    dsn_ids text[] COLLATE "C",
    partial boolean NOT NULL,
    ambiguous boolean NOT NULL,
    sender_rank smallint,
    status_order bigint[],
    reason_order bigint[],
    PRIMARY KEY (queue_id, host, instance, born)
) PARTITION BY RANGE (born);

COMMENT ON TABLE delivery_from IS 'One row per mail.';
COMMENT ON COLUMN delivery_from.born IS 'When the mail was made; tells mails with the same id apart.';
COMMENT ON COLUMN delivery_from.partial IS 'The log does not hold the beginning of this mail.';
COMMENT ON COLUMN delivery_from.ambiguous IS 'A line could be read in more than one way.';
COMMENT ON COLUMN delivery_from.sender_rank IS '1: as qmgr logs it, 0: as pickup or cleanup do.';
COMMENT ON COLUMN delivery_from.status_order IS 'Rank, time, partition, offset, ordinal of status.';
COMMENT ON COLUMN delivery_from.reason_order IS 'Rank, time, partition, offset, ordinal of reason.';

-- No index on a column that changes while a mail lives: updates stay on their page (HOT).
CREATE INDEX ON delivery_from (sender);
CREATE INDEX ON delivery_from USING hash (message_id);
CREATE INDEX ON delivery_from USING brin (born);

CREATE TABLE delivery_to (
    queue_id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    born timestamptz NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    orig_recipient text COLLATE "C" NOT NULL,
    t_first timestamptz NOT NULL,
    t_last timestamptz NOT NULL,
    t timestamptz NOT NULL,
    origin_offset bigint NOT NULL,
    origin_partition integer NOT NULL,
    ordinal integer NOT NULL,
    relay_port integer,
    conn_use integer,
    delay real,
    is_final boolean NOT NULL,
    probe boolean NOT NULL,
    softbounce boolean NOT NULL,
    ambiguous boolean NOT NULL,
    relay_addr inet,
    relay text COLLATE "C",
    relay_name text COLLATE "C",
    delays real[],
    tls text COLLATE "C",
    dsn text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    response text COLLATE "C",
    next_queue_id text COLLATE "C",
    attempt_ids bigint[] NOT NULL,
    attempt_count integer GENERATED ALWAYS AS (cardinality(attempt_ids)) STORED,
    attempts jsonb NOT NULL,
    PRIMARY KEY (queue_id, host, instance, born, recipient, orig_recipient)
) PARTITION BY RANGE (born);

COMMENT ON TABLE delivery_to IS 'One row per mail and recipient: the attempt that counts, and all.';
COMMENT ON COLUMN delivery_to.orig_recipient IS 'Equal to recipient where the log names none.';
COMMENT ON COLUMN delivery_to.t IS 'When the attempt was logged that the row shows.';
COMMENT ON COLUMN delivery_to.is_final IS 'The attempt that the row shows ended it.';
COMMENT ON COLUMN delivery_to.attempt_ids IS 'Every attempt once, packed; sorted.';
COMMENT ON COLUMN delivery_to.attempt_count IS 'How many attempts there were.';
COMMENT ON COLUMN delivery_to.attempts IS 'The newest 20 attempts, oldest first.';

CREATE INDEX ON delivery_to (recipient);

-- Writing a row anew without changing it makes no new version of it: replays leave no bloat.
CREATE TRIGGER unchanged BEFORE UPDATE ON delivery_from
FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER unchanged BEFORE UPDATE ON delivery_to
FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();

CREATE TABLE noqueue (
    t timestamptz NOT NULL,
    origin_offset bigint NOT NULL,
    origin_partition integer NOT NULL,
    ordinal integer NOT NULL,
    pid integer,
    client_port integer,
    client_addr inet,
    ambiguous boolean NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    component text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    action text COLLATE "C" NOT NULL,
    phase text COLLATE "C",
    client_name text COLLATE "C",
    sender text COLLATE "C",
    recipient text COLLATE "C",
    proto text COLLATE "C",
    helo text COLLATE "C",
    sasl_method text COLLATE "C",
    sasl_username text COLLATE "C",
    sasl_sender text COLLATE "C",
    code text COLLATE "C",
    dsn text COLLATE "C",
    reason text COLLATE "C",
    PRIMARY KEY (t, origin_partition, origin_offset, ordinal)
) PARTITION BY RANGE (t);

COMMENT ON TABLE noqueue IS 'One row per refusal before a queue id existed; insert only.';

CREATE INDEX ON noqueue (recipient);
CREATE INDEX ON noqueue (client_addr);

CREATE TABLE log_gap (
    t timestamptz NOT NULL,
    origin_offset bigint NOT NULL,
    origin_partition integer NOT NULL,
    ordinal integer NOT NULL,
    host text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    lines bigint,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin_partition, origin_offset, ordinal)
);

COMMENT ON TABLE log_gap IS 'Log lines that are known to be missing.';
COMMENT ON COLUMN log_gap.lines IS 'How many; null where nobody can know.';

CREATE TABLE set_aside (
    t timestamptz NOT NULL,
    received timestamptz NOT NULL,
    origin_offset bigint NOT NULL,
    origin_partition integer NOT NULL,
    ordinal integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    fact text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin_partition, origin_offset, kind, ordinal)
);

COMMENT ON TABLE set_aside IS 'Facts that no row may hold: too old, in the future, no queue id.';

-- Facts of short ids. Which mail each belongs to is a function of the whole set of one id's facts.
-- Times here are microseconds since 1970, as in the facts; born is null while a fact waits.
CREATE TABLE short_fact (
    queue_id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    origin_offset bigint NOT NULL,
    origin_partition integer NOT NULL,
    ordinal integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    received bigint NOT NULL,
    born bigint,
    fact text COLLATE "C" NOT NULL,
    PRIMARY KEY (queue_id, origin_offset, origin_partition, ordinal, kind)
) WITH (
    fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05
);

COMMENT ON TABLE short_fact IS 'Facts of short queue ids, kept for a while to tell mails apart.';

CREATE INDEX ON short_fact (received) WHERE born IS NULL;
CREATE INDEX ON short_fact USING brin (received);
