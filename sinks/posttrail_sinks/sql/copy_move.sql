COPY stage_move FROM STDIN (NULL E'\x02')
