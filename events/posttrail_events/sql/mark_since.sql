-- Mails that are there already, with their recipients.
INSERT INTO event_change (queue_id, host, instance, born, of_recipients)
SELECT queue_id, host, instance, born, true FROM delivery_from WHERE born >= %(since)s
