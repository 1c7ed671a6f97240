SELECT DISTINCT (born AT TIME ZONE 'UTC')::date
FROM {shadow}.diff_delivery_from WHERE kind = 'added'
UNION
SELECT DISTINCT (t AT TIME ZONE 'UTC')::date
FROM {shadow}.diff_noqueue WHERE kind = 'added'
