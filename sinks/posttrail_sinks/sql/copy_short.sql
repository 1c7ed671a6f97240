COPY stage_short FROM STDIN (NULL E'\x02')
