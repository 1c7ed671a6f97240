-- What a sink does (roles.sql, posttrail_writer) and the current user may not, in words.
SELECT right_name || ' on ' || object_name
FROM (
    VALUES
        ('SELECT', 'delivery_from'), ('INSERT', 'delivery_from'), ('UPDATE', 'delivery_from'),
        ('DELETE', 'delivery_from'),
        ('SELECT', 'delivery_to'), ('INSERT', 'delivery_to'), ('UPDATE', 'delivery_to'),
        ('DELETE', 'delivery_to'),
        ('SELECT', 'short_bundle'), ('INSERT', 'short_bundle'), ('DELETE', 'short_bundle'),
        ('INSERT', 'noqueue'), ('INSERT', 'log_gap'), ('INSERT', 'set_aside'),
        ('SELECT', 'sink_offset'), ('INSERT', 'sink_offset'), ('UPDATE', 'sink_offset')
) AS needed (right_name, object_name)
WHERE NOT has_table_privilege(object_name, right_name)
UNION ALL
SELECT 'UPDATE (origin_partition, origin_offset) on ' || object_name
FROM (VALUES ('noqueue'), ('log_gap')) AS needed (object_name)
WHERE NOT has_column_privilege(object_name, 'origin_offset', 'UPDATE')
UNION ALL
SELECT 'EXECUTE on ' || signature
FROM (VALUES ('make_partitions(date[])'), ('drop_partitions(date)')) AS needed (signature)
WHERE NOT has_function_privilege(signature, 'EXECUTE')
UNION ALL
SELECT 'TEMPORARY on database ' || current_database()
WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
