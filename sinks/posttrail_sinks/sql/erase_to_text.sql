-- Replies of servers name whom they like, also in rows of other recipients.
UPDATE delivery_to SET
    response = regexp_replace(response, %(pattern)s, 'erased', 'gi'),
    attempts = regexp_replace(attempts::text, %(pattern)s, 'erased', 'gi')::jsonb
WHERE response ~* %(pattern)s OR attempts::text ~* %(pattern)s
