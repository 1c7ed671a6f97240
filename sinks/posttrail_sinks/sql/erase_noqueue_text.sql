UPDATE noqueue SET
    reason = regexp_replace(reason, %(pattern)s, 'erased', 'gi'),
    sender = regexp_replace(sender, %(pattern)s, 'erased', 'gi')
WHERE concat_ws(' ', reason, sender) ~* %(pattern)s
