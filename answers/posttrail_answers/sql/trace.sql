-- The mails that a queue id or a message-id names, oldest first, each with its recipients.
-- %(queue_id)s: as logged; %(message_ids)s: the same text as message-ids can be logged.
SELECT jsonb_build_object(
    'mail', to_jsonb(f),
    'recipients', (
        SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.recipient, d.orig_recipient), '[]')
        FROM delivery_to AS d
        WHERE d.queue_id = f.queue_id AND d.host = f.host
          AND d.instance = f.instance AND d.born = f.born
    )
)
FROM delivery_from AS f
WHERE f.queue_id = %(queue_id)s OR f.message_id = ANY (%(message_ids)s)
ORDER BY f.born, f.host, f.instance, f.queue_id
LIMIT %(limit)s
