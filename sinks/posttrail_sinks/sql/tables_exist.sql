SELECT FROM delivery_from, delivery_to, noqueue, log_gap, set_aside, short_fact LIMIT 0
