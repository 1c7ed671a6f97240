-- The lines that a mail's row was made of, so that they can be shown; the facts of short ids in
-- bundles: a row per mail and batch instead of one per fact; a line that a shipper sent twice is one.
-- depends: 0004_views

ALTER TABLE delivery_from ADD COLUMN line_ids bigint[];

COMMENT ON COLUMN delivery_from.line_ids IS
    'Origins of the lines about the mail as a whole, each packed into a number; sorted.';

-- Named by the first of its facts. Times are microseconds since 1970, as in the facts.
CREATE TABLE short_bundle (
    queue_id text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    instance text COLLATE "C" NOT NULL,
    origin_offset bigint NOT NULL,
    origin_partition integer NOT NULL,
    ordinal integer NOT NULL,
    kind text COLLATE "C" NOT NULL,
    received bigint NOT NULL,
    born bigint,
    facts text COLLATE "C" NOT NULL,
    PRIMARY KEY (queue_id, origin_offset, origin_partition, ordinal, kind)
) WITH (
    fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05
);

COMMENT ON TABLE short_bundle IS
    'Facts of short queue ids, kept for a while to tell mails apart; born is null while they wait.';

CREATE INDEX ON short_bundle (received) WHERE born IS NULL;
CREATE INDEX ON short_bundle USING brin (received);

INSERT INTO short_bundle
SELECT
    queue_id, host, instance, origin_offset, origin_partition, ordinal, kind, received, born,
    '[' || fact || ']'
FROM short_fact;

DROP TABLE short_fact;

CREATE VIEW short_fact AS
SELECT
    b.queue_id, b.host, b.instance, (f.fact -> 'origin' ->> 1)::bigint AS origin_offset,
    (f.fact -> 'origin' ->> 0)::integer AS origin_partition,
    coalesce((f.fact ->> 'ordinal')::integer, 0) AS ordinal, f.fact ->> 'type' AS kind,
    b.received, b.born, f.fact::text AS fact
FROM short_bundle AS b, json_array_elements(b.facts::json) AS f (fact);

COMMENT ON VIEW short_fact IS 'The facts in short_bundle, one by one.';

-- What makes a line the same when it comes again under another origin (posttrail_sinks/packing.py).
ALTER TABLE noqueue ADD COLUMN line_id bigint;
UPDATE noqueue SET line_id = ((origin_partition::bigint << 46) | origin_offset) << 8 | ordinal;
ALTER TABLE noqueue DROP CONSTRAINT noqueue_pkey;
ALTER TABLE noqueue ADD PRIMARY KEY (t, line_id);

ALTER TABLE log_gap ADD COLUMN line_id bigint;
UPDATE log_gap SET line_id = ((origin_partition::bigint << 46) | origin_offset) << 8 | ordinal;
ALTER TABLE log_gap DROP CONSTRAINT log_gap_pkey;
ALTER TABLE log_gap ADD PRIMARY KEY (t, line_id);

COMMENT ON COLUMN noqueue.line_id IS 'With t: the same for a line that was sent twice.';
COMMENT ON COLUMN log_gap.line_id IS 'With t: the same for a line that was sent twice.';
COMMENT ON COLUMN delivery_to.attempt_ids IS
    'Every attempt once, as a number: of its text, or of its origin where stamps are whole seconds.';

-- The newest 20 of both, oldest first. The largest k of a union do not depend on its order.
-- What differs in nothing but its origin is one line that was sent twice, unless the stamps are
-- whole seconds; of its origins the smallest stays.
CREATE OR REPLACE FUNCTION newest_attempts(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_agg(e ORDER BY t, part, off, ordinal)
    FROM (
        SELECT * FROM (
            SELECT DISTINCT ON (identity) e, t, part, off, ordinal
            FROM jsonb_array_elements(a || b) AS e, LATERAL (
                SELECT (e->>'t')::bigint AS t, (e->'origin'->>0)::bigint AS part,
                    (e->'origin'->>1)::bigint AS off, coalesce((e->>'ordinal')::bigint, 0) AS ordinal,
                    CASE WHEN (e->>'t')::bigint % 1000000 = 0 THEN e ELSE e - 'origin' END AS identity
            ) AS at
            ORDER BY identity, part, off
        ) AS each
        ORDER BY t DESC, part DESC, off DESC, ordinal DESC
        LIMIT 20
    ) AS newest
$$;
