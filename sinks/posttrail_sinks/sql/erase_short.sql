-- All facts of these mails: the subject stands in others than the address.
DELETE FROM short_bundle AS s
WHERE s.facts ~* %(pattern)s OR EXISTS (
    SELECT FROM erased_mail AS m
    WHERE m.queue_id = s.queue_id AND m.host = s.host AND m.instance = s.instance
        AND m.born = instant(s.born)
)
