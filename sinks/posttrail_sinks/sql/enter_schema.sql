SET search_path = {schema}, pg_temp
