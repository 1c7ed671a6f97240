-- All facts of these mails: what tells of the person stands in others than the address.
UPDATE short_bundle AS s SET facts = regexp_replace(
    facts_without_erased(s.facts, (
        SELECT m.sent FROM found_mail AS m
        WHERE m.queue_id = s.queue_id AND m.host = s.host AND m.instance = s.instance
            AND m.born = instant(s.born)
    )),
    %(pattern)s, 'erased', 'gi'
)
WHERE s.facts ~* %(pattern)s OR EXISTS (
    SELECT FROM found_mail AS m
    WHERE m.queue_id = s.queue_id AND m.host = s.host AND m.instance = s.instance
        AND m.born = instant(s.born)
)
