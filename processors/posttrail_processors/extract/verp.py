"""VERP: a sender's address that holds the recipient it was sent to.

Postfix's own form (VERP_README): `list+user=example.com@example.org`, where the recipient's `@` is
written `=`. Others put an id of their own behind a marker: `list-4711@example.org`.
"""


def split_verp(sender: str, marker: str) -> dict[str, str]:
    """verp_id and verp_sender, or nothing when the sender holds no marker.

    Postfix's form is split at the first marker, for the recipient may hold it too; an id at the
    last, for the list's name may.
    """
    local, at, domain = sender.rpartition("@")
    if not at:
        local, domain = sender, ""
    if "=" in local.partition(marker)[2]:
        name, _, recipient = local.partition(marker)
        user, _, host = recipient.rpartition("=")
        verp_id = f"{user}@{host}"
    else:
        name, _, verp_id = local.rpartition(marker)
    if not name or not verp_id:
        return {}
    return {"verp_id": verp_id, "verp_sender": f"{name}{at}{domain}"}
