SELECT kind, count(*) FROM {shadow}.{diff} GROUP BY kind
