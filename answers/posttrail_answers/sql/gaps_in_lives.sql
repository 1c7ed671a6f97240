-- The first gaps on each host in each stretch of time; more than can be told are not needed. What
-- was gone from Kafka has no line it is told by (its partition is below 0): it may be any host's.
SELECT life.number, jsonb_build_object(
    't', g.t, 'host', g.host, 'source', g.source, 'lines', g.lines, 'reason', g.reason
)
FROM unnest(%(hosts)s::text[], %(first)s::timestamptz[], %(last)s::timestamptz[])
    WITH ORDINALITY AS life (host, first, last, number)
CROSS JOIN LATERAL (
    SELECT * FROM log_gap AS g
    WHERE (g.host = life.host OR g.origin_partition < 0) AND g.t BETWEEN life.first AND life.last
    ORDER BY g.t
    LIMIT 5
) AS g
ORDER BY life.number, g.t
