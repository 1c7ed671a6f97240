SELECT drop_refusals(%(before)s::date)
