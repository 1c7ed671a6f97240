SELECT host, extract(epoch FROM silent_for)::double precision, usual_entries::double precision
FROM host_silence
