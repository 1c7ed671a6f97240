-- Behind queue_rest.sql: by destination and reason; codes, server names and the address in front left out.
SELECT jsonb_build_object(
    'destination', destination, 'reason', reason, 'recipients', count(*), 'oldest', min(born)
)
FROM (
    SELECT
        born, coalesce(lower(substring(recipient FROM '@([^@]+)$')), recipient, '') AS destination,
        CASE WHEN state = 'deferred' THEN left(regexp_replace(
            coalesce(reason, ''),
            '^(host \S+ (said|refused to talk to me): )?([0-9]{3}[- ])?([0-9.]+ )?(<[^>]*>: )?', '\4'
        ), 200) ELSE state || coalesce(': ' || reason, '') END AS reason
    FROM rest
) AS each
GROUP BY destination, reason
ORDER BY count(*) DESC, min(born), destination, reason
