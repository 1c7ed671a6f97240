-- Indexes for the search, newest first: value, then time. Days are read from the newest back, each in
-- order, so that a search stops when its page is full. Addresses and names compare without case.
-- depends: 0005_lines

DROP INDEX delivery_from_sender_idx;
DROP INDEX delivery_from_born_idx;
DROP INDEX delivery_to_recipient_idx;
DROP INDEX noqueue_recipient_idx;
DROP INDEX noqueue_client_addr_idx;

CREATE INDEX ON ONLY delivery_from (born);
CREATE INDEX ON ONLY delivery_from (lower(sender), born);
CREATE INDEX ON ONLY delivery_from (lower(split_part(sender, '@', -1)), born);
CREATE INDEX ON ONLY delivery_from (client_addr, born);
CREATE INDEX ON ONLY delivery_from (lower(client_name), born);
CREATE INDEX ON ONLY delivery_from (lower(sasl_username), born) WHERE sasl_username IS NOT NULL;
-- Only logs of hosts with a header check for Subject have one.
CREATE INDEX ON ONLY delivery_from USING gin (to_tsvector('simple', subject)) WHERE subject IS NOT NULL;
-- The status changes while a mail lives; only this kind of index leaves updates on their page (HOT).
CREATE INDEX ON ONLY delivery_from USING brin (status text_bloom_ops (n_distinct_per_range = 16));

CREATE INDEX ON ONLY delivery_to (lower(recipient), born);
CREATE INDEX ON ONLY delivery_to (lower(split_part(recipient, '@', -1)), born);
CREATE INDEX ON ONLY delivery_to (lower(orig_recipient), born) WHERE orig_recipient <> recipient;
CREATE INDEX ON ONLY delivery_to (lower(relay_name), born);
-- Most are sent and cost nothing here. Time first: a search names several statuses, newest first.
CREATE INDEX ON ONLY delivery_to (born, status) WHERE status <> 'sent';
-- What went to a content filter on the same host.
CREATE INDEX delivery_to_filter_idx ON ONLY delivery_to (born)
WHERE relay_addr <<= '127.0.0.0/8' OR relay_addr = '::1';

CREATE INDEX ON ONLY noqueue (lower(recipient), t);
CREATE INDEX ON ONLY noqueue (lower(sender), t);
CREATE INDEX ON ONLY noqueue (lower(split_part(recipient, '@', -1)), t);
CREATE INDEX ON ONLY noqueue (lower(split_part(sender, '@', -1)), t);
CREATE INDEX ON ONLY noqueue (client_addr, t);
