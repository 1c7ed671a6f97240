-- A statement that waits for a lock makes everybody behind it wait: give up soon, try again later.
SET lock_timeout = '2s';
-- An index that is being built ends with the program that wanted it.
SET client_connection_check_interval = '1s'
