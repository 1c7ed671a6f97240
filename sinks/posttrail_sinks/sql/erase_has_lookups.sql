SELECT to_regclass('audit_lookup') IS NOT NULL
