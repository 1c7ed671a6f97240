SELECT marks, coalesce(extract(epoch FROM now() - oldest), 0)::double precision FROM waiting_event
