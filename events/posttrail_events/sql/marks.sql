SELECT id, born, extract(epoch FROM now() - marked)::double precision
FROM event_change ORDER BY id LIMIT %(most)s
