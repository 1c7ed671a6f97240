-- The lines that a mail's row was made of, so that they can be shown; and the facts of short ids in
-- bundles: a row per mail and batch instead of one per fact.
-- depends: 0004_views

ALTER TABLE delivery_from ADD COLUMN line_ids bigint[];

COMMENT ON COLUMN delivery_from.line_ids IS
    'Every line about the mail as a whole once, packed as in attempt_ids; sorted.';

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
