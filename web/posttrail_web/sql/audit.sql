INSERT INTO audit_lookup (who, address, administrator, domains, asked, parameters, results)
VALUES (
    %(who)s, %(address)s, %(administrator)s, %(domains)s, %(asked)s, %(parameters)s::jsonb, %(results)s
)
