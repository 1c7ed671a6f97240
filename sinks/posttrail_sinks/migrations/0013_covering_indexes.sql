-- Indexes that hold the column itself beside the expression: PostgreSQL finds the times of a sender,
-- a recipient or a status in the index alone, and a search meets two of them without reading rows.
-- depends: 0012_aliased_domains

CREATE INDEX delivery_from_sender_idx ON ONLY delivery_from (lower(sender), born) INCLUDE (sender);
CREATE INDEX delivery_from_sender_domain_idx
ON ONLY delivery_from (lower(split_part(sender, '@', -1)), born) INCLUDE (sender);
CREATE INDEX delivery_from_client_name_idx
ON ONLY delivery_from (lower(client_name), born) INCLUDE (client_name);
CREATE INDEX delivery_from_login_idx ON ONLY delivery_from (lower(sasl_username), born)
INCLUDE (sasl_username) WHERE sasl_username IS NOT NULL;
-- Mails that are still under way, or came to no ordinary end: few, and what `posttrail queue` shows.
CREATE INDEX delivery_from_open_idx ON ONLY delivery_from (born, status)
WHERE status IS DISTINCT FROM 'removed';

CREATE INDEX delivery_to_recipient_idx
ON ONLY delivery_to (lower(recipient), born) INCLUDE (recipient);
CREATE INDEX delivery_to_recipient_domain_idx
ON ONLY delivery_to (lower(split_part(recipient, '@', -1)), born) INCLUDE (recipient);
CREATE INDEX delivery_to_relay_name_idx
ON ONLY delivery_to (lower(relay_name), born) INCLUDE (relay_name);
-- Beside the one by time: all of a rare status, among many of a frequent one.
CREATE INDEX delivery_to_status_idx ON ONLY delivery_to (status, born) WHERE status <> 'sent';

CREATE INDEX noqueue_client_name_idx ON ONLY noqueue (lower(client_name), t);
CREATE INDEX noqueue_login_idx ON ONLY noqueue (lower(sasl_username), t)
WHERE sasl_username IS NOT NULL;
