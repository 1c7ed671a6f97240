-- Building an index waits for all who read or write the table now, and nobody waits behind it.
SET lock_timeout = 0
