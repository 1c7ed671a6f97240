COPY stage_to FROM STDIN (NULL E'\x02')
