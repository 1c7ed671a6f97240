-- Recipients that wait. A mail is in the queue when qmgr said so or when it is on hold; those that
-- were refused at DATA have an id, too, and were never in it. %(hosts)s: array, null for all.
WITH open_mail AS (
    SELECT queue_id, host, instance, born, sender, size, status, reason, t_last
    FROM delivery_from
    WHERE status IS DISTINCT FROM 'removed' AND removed_at IS NULL
        AND (status IS NULL OR status NOT IN ('rejected', 'discarded', 'canceled', 'removed'))
        AND (nrcpt IS NOT NULL OR status IN ('held', 'queued'))
        AND (%(hosts)s::text[] IS NULL OR host = ANY (%(hosts)s::text[]))
),
rest AS (
    SELECT
        f.queue_id, f.host, f.instance, f.born, f.sender, f.size, r.recipient,
        CASE f.status WHEN 'held' THEN 'held' ELSE coalesce(r.status, 'queued') END AS state,
        coalesce(r.t, f.t_last) AS t, coalesce(r.attempt_count, 0) AS attempts, r.relay,
        coalesce(r.response, f.reason) AS reason
    FROM open_mail AS f
    LEFT JOIN delivery_to AS r ON (r.queue_id, r.host, r.instance, r.born)
        = (f.queue_id, f.host, f.instance, f.born) AND NOT r.probe
    WHERE r.queue_id IS NULL OR NOT r.is_final
)
