-- Pieces of searches; each after a line with its name. A window as constants keeps days out of the
-- plan: planning takes longer than a search. f: delivery_from, d: delivery_to, n: noqueue.

-- name: from.queue_id
f.queue_id = %(queue_id)s
-- name: from.message_id
f.message_id = ANY (%(message_ids)s)
-- name: from.sender
lower(f.sender) = lower(%(sender)s COLLATE "C")
-- name: from.domain
lower(split_part(f.sender, '@', -1)) = lower(%(domain)s COLLATE "C")
-- name: from.own_domain
lower(split_part(f.sender, '@', -1)) = %(own)s COLLATE "C"
-- name: from.client
lower(f.client_name) = lower(%(client)s COLLATE "C")
-- name: from.client_addr
f.client_addr = %(client)s::inet
-- name: from.client_network
f.client_addr <<= %(client)s::inet
-- name: from.login
f.sasl_username IS NOT NULL AND lower(f.sasl_username) = lower(%(login)s COLLATE "C")
-- name: from.subject
f.subject IS NOT NULL
AND to_tsvector('simple', f.subject) @@ websearch_to_tsquery('simple', %(subject)s)
-- name: from.status
f.status IS DISTINCT FROM 'removed' AND f.status = ANY (%(statuses)s)
-- name: from.host
f.host = %(host)s
-- name: from.since
f.born >= %(since)s
-- name: from.until
f.born < %(until)s
-- name: from.after_mail
f.born <= %(after_t)s AND (f.born, f.queue_id, f.host, f.instance)
< (%(after_t)s, %(after_queue_id)s, %(after_host)s, %(after_instance)s)
-- name: from.after_refusal
f.born < %(after_t)s
-- name: from.window
f.born >= %(window_from)s AND f.born < %(window_until)s
-- name: to.window
d.born >= %(window_from)s AND d.born < %(window_until)s
-- name: from.exists
EXISTS (
    SELECT FROM delivery_to AS d
    WHERE d.queue_id = f.queue_id AND d.host = f.host AND d.instance = f.instance
        AND d.born = f.born AND d.born >= %(window_from)s AND d.born < %(window_until)s
        AND {conditions}
    OFFSET 0
)
-- name: from.exists_not_sent
EXISTS (
    SELECT FROM delivery_to AS d
    WHERE d.queue_id || '' = f.queue_id AND d.host = f.host AND d.instance = f.instance
        AND d.born = f.born AND d.born >= %(window_from)s AND d.born < %(window_until)s
        AND {conditions}
    OFFSET 0
)
-- name: to.exists
EXISTS (
    SELECT FROM delivery_from AS f
    WHERE f.queue_id = d.queue_id AND f.host = d.host AND f.instance = d.instance
        AND f.born = d.born AND f.born >= %(window_from)s AND f.born < %(window_until)s
        AND {conditions}
    OFFSET 0
)
-- name: to.recipient
(lower(d.recipient) = lower(%(recipient)s COLLATE "C")
OR (d.orig_recipient <> d.recipient AND lower(d.orig_recipient) = lower(%(recipient)s COLLATE "C")))
-- name: to.final_recipient
lower(d.recipient) = lower(%(recipient)s COLLATE "C")
-- name: to.orig_recipient
d.orig_recipient <> d.recipient AND lower(d.orig_recipient) = lower(%(recipient)s COLLATE "C")
-- name: to.domain
(lower(split_part(d.recipient, '@', -1)) = lower(%(domain)s COLLATE "C")
OR (d.orig_recipient <> d.recipient
    AND lower(split_part(d.orig_recipient, '@', -1)) = lower(%(domain)s COLLATE "C")))
-- name: to.final_domain
lower(split_part(d.recipient, '@', -1)) = lower(%(domain)s COLLATE "C")
-- name: to.orig_domain
d.orig_recipient <> d.recipient
AND lower(split_part(d.orig_recipient, '@', -1)) = lower(%(domain)s COLLATE "C")
-- name: to.own_final_domain
lower(split_part(d.recipient, '@', -1)) = %(own)s COLLATE "C"
-- name: to.own_orig_domain
d.orig_recipient <> d.recipient
AND lower(split_part(d.orig_recipient, '@', -1)) = %(own)s COLLATE "C"
-- name: to.relay
lower(d.relay_name) = lower(%(relay)s COLLATE "C")
-- name: to.relay_addr
d.relay_addr = %(relay)s::inet
-- name: to.relay_network
d.relay_addr <<= %(relay)s::inet
-- name: to.status
d.status = ANY (%(statuses)s)
-- name: to.status_not_sent
d.status <> 'sent' AND d.status = ANY (%(statuses)s)
-- name: to.filtered
d.status = 'sent' AND d.next_queue_id IS NOT NULL
AND (d.relay_addr <<= '127.0.0.0/8' OR d.relay_addr = '::1')
-- name: to.host
d.host = %(host)s
-- name: to.since
d.born >= %(since)s
-- name: to.until
d.born < %(until)s
-- name: to.after_mail
d.born <= %(after_t)s AND (d.born, d.queue_id, d.host, d.instance)
< (%(after_t)s, %(after_queue_id)s, %(after_host)s, %(after_instance)s)
-- name: to.after_refusal
d.born < %(after_t)s
-- name: noqueue.sender
lower(n.sender) = lower(%(sender)s COLLATE "C")
-- name: noqueue.recipient
lower(n.recipient) = lower(%(recipient)s COLLATE "C")
-- name: noqueue.sender_domain
lower(split_part(n.sender, '@', -1)) = lower(%(domain)s COLLATE "C")
-- name: noqueue.recipient_domain
lower(split_part(n.recipient, '@', -1)) = lower(%(domain)s COLLATE "C")
-- name: noqueue.own_sender_domain
lower(split_part(n.sender, '@', -1)) = %(own)s COLLATE "C"
-- name: noqueue.own_recipient_domain
lower(split_part(n.recipient, '@', -1)) = %(own)s COLLATE "C"
-- name: noqueue.window
n.t >= %(window_from)s AND n.t < %(window_until)s
-- name: noqueue.client
lower(n.client_name) = lower(%(client)s COLLATE "C")
-- name: noqueue.client_addr
n.client_addr = %(client)s::inet
-- name: noqueue.client_network
n.client_addr <<= %(client)s::inet
-- name: noqueue.login
n.sasl_username IS NOT NULL AND lower(n.sasl_username) = lower(%(login)s COLLATE "C")
-- name: noqueue.failed
n.action <> 'discard'
-- name: noqueue.rejected
n.action <> 'discard'
-- name: noqueue.discarded
n.action = 'discard'
-- name: noqueue.host
n.host = %(host)s
-- name: noqueue.since
n.t >= %(since)s
-- name: noqueue.until
n.t < %(until)s
-- name: noqueue.after_mail
n.t <= %(after_t)s
-- name: noqueue.after_refusal
n.t <= %(after_t)s AND (n.t, n.line_id) < (%(after_t)s, %(after_line)s::bigint)
