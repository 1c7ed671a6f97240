-- A statement that waits for a lock makes everybody behind it wait: give up soon, try again later.
SET lock_timeout = '2s'
