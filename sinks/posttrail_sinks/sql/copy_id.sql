COPY stage_id FROM STDIN (NULL E'\x02')
