SELECT
    (SELECT count(*) FROM delivery_from) AS delivery_from,
    (SELECT count(*) FROM delivery_to) AS delivery_to,
    (SELECT count(*) FROM noqueue) AS noqueue,
    (SELECT count(*) FROM log_gap) AS log_gap
