-- Where each group of sinks stands in each partition, moved in the transaction that lands the rows.
-- topic_id: a topic that is made anew starts its offsets at 0 again, so it gets rows of its own.
-- epoch: rises with every claim and every rewind; a sink that holds an older one is fenced.
-- Rows are updated in place on their page (HOT): no index but the key, half of each page free.
-- depends: 0001_tables

CREATE TABLE sink_offset (
    grp text NOT NULL,
    topic text NOT NULL,
    topic_id text NOT NULL,
    part integer NOT NULL,
    next_offset bigint NOT NULL,
    epoch bigint NOT NULL,
    owner text NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (grp, topic_id, part)
) WITH (fillfactor = 50);
