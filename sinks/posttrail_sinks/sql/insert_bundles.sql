-- No ON CONFLICT: what is known was left out, so a bundle that is there came from another session.
INSERT INTO short_bundle (
    queue_id, host, instance, origin_partition, origin_offset, ordinal, kind, received, born, facts
)
SELECT
    queue_id, host, instance, origin_partition, origin_offset, ordinal, kind, received, born, facts
FROM stage_bundle
