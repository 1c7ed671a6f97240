-- A sink that stops in the middle of a transaction must not hold its locks for long.
SET idle_in_transaction_session_timeout = '5s';
-- The server notices a sink's host that vanished after 10 + 3 x 5 s.
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 25000;
-- Days are cut in UTC.
SET timezone = 'UTC';
