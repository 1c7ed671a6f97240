COPY stage_noqueue FROM STDIN (NULL E'\x02')
