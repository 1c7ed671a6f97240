SELECT make_partitions(%(days)s::date[])
