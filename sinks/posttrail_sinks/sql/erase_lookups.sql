UPDATE audit_lookup SET
    asked = regexp_replace(asked, %(pattern)s, 'erased', 'gi'),
    parameters = regexp_replace(parameters::text, %(pattern)s, 'erased', 'gi')::jsonb
WHERE asked ~* %(pattern)s OR parameters::text ~* %(pattern)s
