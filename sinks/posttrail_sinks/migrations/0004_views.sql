-- Views for the usual questions.
-- depends: 0001_tables

CREATE VIEW mail AS
SELECT
    f.queue_id, f.host, f.instance, f.born, f.sender, f.message_id, f.subject, f.size, f.nrcpt,
    f.client_name, f.client_addr, f.sasl_username, f.uid, f.status AS mail_status,
    f.reason AS mail_reason, f.removed_at, f.expired_at, f.partial,
    r.recipient, nullif(r.orig_recipient, r.recipient) AS orig_recipient, r.status, r.t, r.relay,
    r.delay, r.delays, r.dsn, r.response, r.next_queue_id, r.attempt_count, r.probe, r.softbounce
FROM delivery_from AS f
LEFT JOIN delivery_to AS r USING (queue_id, host, instance, born);

COMMENT ON VIEW mail IS 'One row per mail and recipient; a mail without recipients has one row.';

CREATE VIEW refused AS
SELECT
    n.t, n.host, n.instance, NULL::text AS queue_id, n.action, n.client_name, n.client_addr,
    n.sender, n.recipient, n.code, n.dsn, n.reason
FROM noqueue AS n
UNION ALL
SELECT
    r.t, r.host, r.instance, r.queue_id, 'reject', f.client_name, f.client_addr,
    f.sender, r.recipient, NULL, r.dsn, r.response
FROM delivery_to AS r
LEFT JOIN delivery_from AS f USING (queue_id, host, instance, born)
WHERE r.status = 'rejected';

COMMENT ON VIEW refused IS 'Every recipient that was refused, with or without a queue id.';

CREATE VIEW undelivered AS
SELECT
    r.queue_id, r.host, r.instance, r.born, f.sender, r.recipient, r.t, r.attempt_count, r.relay,
    r.dsn, r.response
FROM delivery_to AS r
JOIN delivery_from AS f USING (queue_id, host, instance, born)
WHERE r.status = 'deferred' AND f.removed_at IS NULL;

COMMENT ON VIEW undelivered IS 'Recipients that still wait for their mail.';
