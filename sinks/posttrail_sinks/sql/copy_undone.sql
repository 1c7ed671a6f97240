COPY stage_undone FROM STDIN (NULL E'\x02')
