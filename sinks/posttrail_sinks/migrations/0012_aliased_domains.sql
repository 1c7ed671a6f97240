-- A search for a domain finds what an alias of it sent on to another one, as one for an address does.
-- depends: 0006_search

CREATE INDEX ON ONLY delivery_to (lower(split_part(orig_recipient, '@', -1)), born)
WHERE orig_recipient <> recipient;
