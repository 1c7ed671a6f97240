-- End the sessions that hold rows of these partitions in a transaction that has not ended: xmax is
-- the transaction that locked or changed the row last.
SELECT a.pid, pg_terminate_backend(a.pid, 1000)
FROM (
    SELECT DISTINCT a.pid
    FROM sink_offset AS o
    JOIN pg_stat_activity AS a ON a.backend_xid = o.xmax
    WHERE o.grp = %(grp)s AND o.topic_id = %(topic_id)s AND o.part = ANY (%(parts)s)
      AND a.pid <> pg_backend_pid()
) AS a
