COPY {shadow}.{table} FROM STDIN (NULL E'\x02')
