COPY stage_gap FROM STDIN (NULL E'\x02')
