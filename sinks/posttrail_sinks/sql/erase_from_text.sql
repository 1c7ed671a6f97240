-- Other people's mails whose text names the person.
UPDATE delivery_from SET
    reason = regexp_replace(reason, %(pattern)s, 'erased', 'gi'),
    subject = regexp_replace(subject, %(pattern)s, 'erased', 'gi'),
    message_id = regexp_replace(message_id, %(pattern)s, 'erased', 'gi'),
    resent_message_id = regexp_replace(resent_message_id, %(pattern)s, 'erased', 'gi'),
    sender = regexp_replace(sender, %(pattern)s, 'erased', 'gi')
WHERE concat_ws(' ', reason, subject, message_id, resent_message_id, sender) ~* %(pattern)s
