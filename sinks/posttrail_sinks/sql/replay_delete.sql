DELETE FROM {table} AS r
USING {shadow}.{diff} AS d
WHERE ({row_keys}) = ({diff_keys}) AND d.kind <> 'added'
