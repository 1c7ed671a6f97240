COPY stage_gone FROM STDIN (NULL E'\x02')
