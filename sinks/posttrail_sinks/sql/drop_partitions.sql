SELECT drop_partitions(%(before)s::date)
