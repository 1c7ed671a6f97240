-- Who was erased is so in the replay's tables, too: then nothing differs for it.
DELETE FROM {shadow}.erasure_key;
INSERT INTO {shadow}.erasure_key SELECT key FROM erasure_key;
INSERT INTO {shadow}.erased SELECT * FROM erased;
INSERT INTO {shadow}.erased_mail SELECT * FROM erased_mail;
SELECT {shadow}.guard_erased()
