COPY stage_aside FROM STDIN (NULL E'\x02')
