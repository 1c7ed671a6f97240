-- What a sender is known by goes; the mail and its other recipients stay, for those they concern.
UPDATE delivery_from AS d SET
    sender = CASE WHEN NOT m.sent THEN d.sender END,
    verp_id = CASE WHEN NOT m.sent THEN d.verp_id END,
    verp_sender = CASE WHEN NOT m.sent THEN d.verp_sender END,
    sasl_username = CASE WHEN NOT m.sent THEN d.sasl_username END,
    sasl_sender = CASE WHEN NOT m.sent THEN d.sasl_sender END,
    message_id = CASE WHEN NOT m.sent THEN d.message_id END,
    resent_message_id = CASE WHEN NOT m.sent THEN d.resent_message_id END,
    client_name = CASE WHEN NOT m.sent THEN d.client_name END,
    client_addr = CASE WHEN NOT m.sent THEN d.client_addr END,
    client_port = CASE WHEN NOT m.sent THEN d.client_port END,
    orig_client_name = CASE WHEN NOT m.sent THEN d.orig_client_name END,
    orig_client_addr = CASE WHEN NOT m.sent THEN d.orig_client_addr END,
    helo = CASE WHEN NOT m.sent THEN d.helo END,
    reason = CASE WHEN NOT m.sent THEN d.reason END,
    subject = NULL
FROM found_mail AS m
WHERE d.queue_id = m.queue_id AND d.host = m.host AND d.instance = m.instance AND d.born = m.born
