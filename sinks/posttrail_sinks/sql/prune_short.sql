-- Forget the facts of mails of which nothing came for a while; their rows stay. Waiting facts stay.
DELETE FROM short_bundle AS s
WHERE s.received < %(before)s AND s.born IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM short_bundle AS young
    WHERE young.queue_id = s.queue_id AND young.host = s.host AND young.instance = s.instance
      AND young.born = s.born AND young.received >= %(before)s
)
