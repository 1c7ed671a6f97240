-- Are the roles there, may we become them, and does row security rule? One row of booleans.
SELECT
    count(*) FILTER (WHERE pg_has_role(current_user, rolname, 'MEMBER')) = 3 AS member,
    coalesce((
        SELECT bool_and(relrowsecurity) FROM pg_class
        WHERE oid IN (
            to_regclass('delivery_from'), to_regclass('delivery_to'), to_regclass('noqueue')
        )
    ), false) AS rules
FROM pg_roles
WHERE rolname IN ('posttrail_reader', 'posttrail_visitor', 'posttrail_web')
