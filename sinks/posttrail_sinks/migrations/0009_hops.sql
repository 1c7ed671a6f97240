-- From a mail back to the one that it came from. By hash: these ids are only ever compared whole.
-- depends: 0006_search

CREATE INDEX ON ONLY delivery_from USING hash (orig_queue_id) WHERE orig_queue_id IS NOT NULL;
CREATE INDEX ON ONLY delivery_from USING hash (requeued_from) WHERE requeued_from IS NOT NULL;
-- Few mails have notices.
CREATE INDEX ON ONLY delivery_from USING gin (bounce_ids) WHERE bounce_ids IS NOT NULL;
CREATE INDEX ON ONLY delivery_from USING gin (delay_ids) WHERE delay_ids IS NOT NULL;
CREATE INDEX ON ONLY delivery_from USING gin (dsn_ids) WHERE dsn_ids IS NOT NULL;
CREATE INDEX ON ONLY delivery_to USING hash (next_queue_id) WHERE next_queue_id IS NOT NULL;
