-- Facts of short ids whose rows are swapped, or that read otherwise now: from now on today's.
CREATE TABLE {shadow}.swapped_id AS
SELECT queue_id, host, instance FROM {shadow}.diff_delivery_from
UNION
SELECT queue_id, host, instance FROM {shadow}.diff_delivery_to
UNION
SELECT s.queue_id, s.host, s.instance
FROM {shadow}.short_fact AS s
JOIN short_fact AS l USING (
    queue_id, host, instance, origin_offset, origin_partition, ordinal, kind
)
WHERE l.fact <> s.fact AND NOT EXISTS (
    SELECT FROM {shadow}.replay_moving AS m
    WHERE m.queue_id = s.queue_id AND m.host = s.host AND m.instance = s.instance
);
CREATE TABLE {shadow}.kept_fact AS
SELECT f.*
FROM short_fact AS f
JOIN {shadow}.swapped_id AS i USING (queue_id, host, instance)
WHERE NOT EXISTS (
    SELECT FROM {shadow}.replay_read AS w
    WHERE w.part = f.origin_partition
      AND f.origin_offset >= w.first_offset AND f.origin_offset < w.end_offset
);
DELETE FROM short_bundle AS b
USING {shadow}.swapped_id AS i
WHERE i.queue_id = b.queue_id AND i.host = b.host AND i.instance = b.instance;
INSERT INTO short_bundle (
    queue_id, host, instance, origin_offset, origin_partition, ordinal, kind, received, born, facts
)
SELECT
    queue_id, host, instance, origin_offset, origin_partition, ordinal, kind, received, born,
    '[' || fact || ']'
FROM (
    SELECT * FROM {shadow}.kept_fact
    UNION ALL
    SELECT f.* FROM {shadow}.short_fact AS f
    JOIN {shadow}.swapped_id AS i USING (queue_id, host, instance)
) AS f
ON CONFLICT DO NOTHING
