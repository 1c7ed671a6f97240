COPY stage_from FROM STDIN (NULL E'\x02')
