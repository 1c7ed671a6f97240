-- How far back the tables reach.
SELECT least((SELECT min(born) FROM delivery_from), (SELECT min(t) FROM noqueue))
