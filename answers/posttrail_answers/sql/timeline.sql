-- All that the tables know of one mail: its row, its recipients, the notices that were made about it,
-- what its host's log is known to lack in its life (and a day longer while its end is not known).
SELECT jsonb_build_object(
    'mail', to_jsonb(f),
    'line_ids', coalesce(to_jsonb(f.line_ids), '[]'),
    'status_order', to_jsonb(f.status_order),
    'expired_at', to_jsonb(f.expired_at),
    'recipients', (
        SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.recipient, d.orig_recipient), '[]')
        FROM delivery_to AS d
        WHERE d.queue_id = f.queue_id AND d.host = f.host
          AND d.instance = f.instance AND d.born = f.born
    ),
    'notices', (
        SELECT coalesce(jsonb_object_agg(n.queue_id, to_jsonb(n.born)), '{}')
        FROM delivery_from AS n
        WHERE n.queue_id = ANY (
            coalesce(f.bounce_ids, '{}') || coalesce(f.delay_ids, '{}') || coalesce(f.dsn_ids, '{}')
        )
          AND n.host = f.host AND n.instance = f.instance
          AND n.born BETWEEN f.born AND f.t_last + interval '1 minute'
    ),
    'gaps', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            't', g.t, 'host', g.host, 'source', g.source, 'lines', g.lines, 'reason', g.reason
        ) ORDER BY g.t), '[]')
        FROM log_gap AS g
        WHERE (g.host = f.host OR g.origin_partition < 0)  -- below 0: see gaps_in_lives.sql
          AND g.t BETWEEN f.born - interval '1 minute'
          AND coalesce(f.removed_at + interval '1 minute', f.t_last + interval '1 day')
    )
)
FROM delivery_from AS f
WHERE f.queue_id = %(queue_id)s AND f.host = %(host)s
  AND f.instance = %(instance)s AND f.born = %(born)s
