SELECT max(born) FROM delivery_from
