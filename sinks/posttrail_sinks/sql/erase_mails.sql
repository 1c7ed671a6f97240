-- The mails of which the person is a sender or a recipient.
CREATE TEMP TABLE found_mail ON COMMIT DROP AS
SELECT queue_id, host, instance, born, bool_or(sent) AS sent
FROM (
    SELECT queue_id, host, instance, born, true AS sent FROM delivery_from
    WHERE %(address)s IN (
        lower(sender), lower(verp_sender), lower(sasl_username), lower(sasl_sender)
    )
    UNION ALL
    SELECT queue_id, host, instance, born, false FROM delivery_to
    WHERE %(address)s IN (lower(recipient), lower(orig_recipient))
) AS each
GROUP BY queue_id, host, instance, born
