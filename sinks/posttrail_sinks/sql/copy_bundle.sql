COPY stage_bundle FROM STDIN (NULL E'\x02')
