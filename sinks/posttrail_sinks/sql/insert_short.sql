-- No ON CONFLICT: what is known was left out, so a fact that is there came from another session.
INSERT INTO short_fact (
    queue_id, host, instance, origin_partition, origin_offset, ordinal, kind, received, born, fact
)
SELECT
    queue_id, host, instance, origin_partition, origin_offset, ordinal, kind, received, born, fact
FROM stage_short
