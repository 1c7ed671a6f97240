-- From now on older lines about the person make no rows. Hashes that nothing in Kafka can match any
-- more are of no use.
DELETE FROM erased WHERE gone_by < now();
INSERT INTO erased (digest, at, gone_by) VALUES (erased_digest(%(address)s), now(), %(gone_by)s)
ON CONFLICT (digest) DO UPDATE SET at = excluded.at, gone_by = excluded.gone_by;

CREATE OR REPLACE TRIGGER erased BEFORE INSERT ON delivery_from
FOR EACH ROW EXECUTE FUNCTION hide_erased_sender();
CREATE OR REPLACE TRIGGER erased BEFORE INSERT ON delivery_to
FOR EACH ROW EXECUTE FUNCTION skip_erased_recipient();
CREATE OR REPLACE TRIGGER erased BEFORE INSERT ON noqueue
FOR EACH ROW EXECUTE FUNCTION skip_erased_refusal();
CREATE OR REPLACE TRIGGER erased BEFORE INSERT ON short_bundle
FOR EACH ROW EXECUTE FUNCTION skip_erased_facts();
