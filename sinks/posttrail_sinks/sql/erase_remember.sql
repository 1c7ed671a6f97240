-- From now on older lines about the person tell nothing. What nothing in Kafka can match any more is
-- of no use.
DELETE FROM erased WHERE gone_by < now();
DELETE FROM erased_mail WHERE gone_by < now();
INSERT INTO erased (digest, at, gone_by) VALUES (erased_digest(%(address)s), now(), %(gone_by)s)
ON CONFLICT (digest) DO UPDATE SET at = excluded.at, gone_by = excluded.gone_by;
INSERT INTO erased_mail AS m (queue_id, host, instance, born, sent, gone_by)
SELECT queue_id, host, instance, born, sent, %(gone_by)s FROM found_mail
ON CONFLICT (queue_id, host, instance, born)
DO UPDATE SET sent = m.sent OR excluded.sent, gone_by = excluded.gone_by
