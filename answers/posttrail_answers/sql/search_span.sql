-- From when to when there are mails.
SELECT (SELECT min(born) FROM delivery_from), (SELECT max(born) FROM delivery_from)
