"""Writes lines as Postfix does, with a stranger's words in every place that he can fill.

For tests and the soak: what must come out of the parser stands beside each line. Escapes as Postfix
escapes: printable() for control characters, quotes around local parts (global/quote_822_local.c),
NEUTER_CHARACTERS in HELO (smtpd/smtpd.c), 200 bytes of a header (cleanup/cleanup_message.c).
"""

import re
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from posttrail.records import MAX_ADDRESS_BYTES, MAX_TEXT_BYTES

STAMP = "2026-11-23T11:07:08.374221+00:00"
ID = "5B58E24853E"
_LONG = {"response", "reason", "subject"}
_dot_string = re.compile(
    r'[^()<>@,;:\\".\[\] \x00-\x1f\x7f]+(?:\.[^()<>@,;:\\".\[\] \x00-\x1f\x7f]+)*'
)

SNIPPETS = (
    "; from=<f@evil.example> to=<v@evil.example>", " to=<v@evil.example> proto=ESMTP helo=<x>",
    "; from=<f@evil.example> to=<v@evil.example> proto=ESMTP helo=<x>", " status=sent (250 ok)",
    ">, relay=evil[192.0.2.66]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok",
    ">, orig_to=<o@evil.example", " orig_id=6C58E24853F", ": queued as 6C58E24853F",
    "forwarded as ", " from evil[192.0.2.66]; from=<f@evil.example>",
    " from local; from=<f@evil.example> to=<v@x>: ", f"{ID}: removed", "NOQUEUE: reject: ",
    "<", ">", '"', "\\", '\\"', "(", ")", "[", "]", "{}", "%s", "%n", ";", ": ", ", ", "=", "@",
    "..", "  ", "?", "'", "$(x)", "SRS0=", "+", "grüße", "日本", "\u00a0", "\u2028",
    ", size=1, nrcpt=1 (queue active)", ", status=expired, returned to sender",
    " sasl_username=<root>", ", sasl_username=root", ", orig_client=evil[192.0.2.66]",
    "message-id=<x>",
)  # fmt: skip


class Stranger(NamedTuple):
    """What a stranger says, as he says it."""

    sender: str
    recipient: str
    original: str
    helo: str
    subject: str
    text: str


class Case(NamedTuple):
    """A line, and the one fact that it must make: its kind and all of its fields."""

    tag: str
    message: str
    kind: str
    fields: dict[str, Any]

    @property
    def line(self) -> bytes:
        """The raw line."""
        return f"{STAMP} mx {self.tag}[7]: {self.message}".encode()


def printable(text: str) -> str:
    """util/printable.c: control characters become question marks."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)


def address(local: str, domain: str = "example.com") -> str:
    """External form: quoted where it must be."""
    local = printable(local)
    if not _dot_string.fullmatch(local):
        local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
    return f"{local}@{domain}"


def neutered(helo: str) -> str:
    """smtpd.c NEUTER_CHARACTERS."""
    return re.sub(r'[ <>()\\";@]', "?", printable(helo))


def header(subject: str) -> str:
    """`Subject: …` as cleanup logs it."""
    data = f"Subject: {printable(subject)}".encode()[:200]
    return data.decode("utf-8", "replace").replace("\ufffd", "?")


def _kept(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    most = MAX_TEXT_BYTES if name in _LONG else MAX_ADDRESS_BYTES
    return value.encode()[:most].decode("utf-8", "ignore")


def _case(tag: str, message: str, kind: str, **fields: Any) -> Case:
    said = {name: _kept(name, value) for name, value in fields.items() if value is not None}
    return Case(tag, message, kind, said)


def cases(stranger: Stranger) -> Iterator[Case]:
    """Every template, filled."""
    yield from _deliveries(stranger)
    yield from _refusals(stranger)
    yield from _actions(stranger)
    sender = address(stranger.sender)
    sized = {"size": 1365, "nrcpt": 2, "status": "queued"}
    rest = "size=1365, nrcpt=2 (queue active)"
    yield _case("postfix/qmgr", f"{ID}: from=<{sender}>, {rest}", "from", sender=sender, **sized)
    expired = f"{ID}: from=<{sender}>, status=expired, returned to sender"
    yield _case("postfix/qmgr", expired, "from", sender=sender, status="expired")
    yield _case(
        "postfix/pickup", f"{ID}: uid=1000 from=<{sender}>", "from", uid=1000, sender=sender
    )
    requeued = {"uid": 89, "sender": sender, "requeued_from": "47NQzY13DbzNWNQG"}
    line = f"{ID}: uid=89 from=<{sender}> orig_id=47NQzY13DbzNWNQG"
    yield _case("postfix/pickup", line, "from", **requeued)
    value = printable(stranger.text)
    yield _case("postfix/cleanup", f"{ID}: message-id={value}", "from", message_id=value)


def _deliveries(stranger: Stranger) -> Iterator[Case]:
    recipient, original = address(stranger.recipient), address(stranger.original, "example.org")
    text = printable(stranger.text)
    fixed = "relay=mx.example.org[192.0.2.9]:25, delay=1.2, delays=0.5/0/0.1/0.6, dsn=5.1.1"
    parts = {
        "relay": "mx.example.org[192.0.2.9]:25", "relay_name": "mx.example.org",
        "relay_addr": "192.0.2.9", "relay_port": 25, "delay": 1.2,
        "delays": [0.5, 0.0, 0.1, 0.6], "dsn": "5.1.1", "status": "bounced",
    }  # fmt: skip
    said = f"host mx.example.org[192.0.2.9] said: 550 {text} (in reply to RCPT TO command)"
    line = f"{ID}: to=<{recipient}>, {fixed}, status=bounced ({said})"
    yield _case("postfix/smtp", line, "to", recipient=recipient, response=said, **parts)
    line = f"{ID}: to=<{recipient}>, orig_to=<{original}>, {fixed}, status=bounced ({text})"
    both = {"recipient": recipient, "orig_recipient": original}
    yield _case("postfix/lmtp", line, "to", response=text, **both, **parts)


def _refusals(stranger: Stranger) -> Iterator[Case]:
    sender, recipient = address(stranger.sender), address(stranger.recipient, "example.org")
    helo, text = neutered(stranger.helo), printable(stranger.text)
    tail = f"from=<{sender}> to=<{recipient}> proto=ESMTP helo=<{helo}>"
    said = {"sender": sender, "recipient": recipient, "proto": "ESMTP", "helo": helo}
    client = {"client_name": "unknown", "client_addr": "192.0.2.1", "phase": "RCPT"}
    denied = f"<{recipient}>: Relay access denied"
    listed = f"Service unavailable; Client host [192.0.2.1] blocked using bl.example.net; {text}"
    for action, reason in (("reject", denied), ("reject", listed), ("milter-reject", text)):
        line = f"NOQUEUE: {action}: RCPT from unknown[192.0.2.1]: 554 5.7.1 {reason}; {tail}"
        refused = {"action": action, "code": "554", "dsn": "5.7.1", "reason": reason}
        yield _case("postfix/smtpd", line, "noqueue", **refused, **client, **said)
    line = f"{ID}: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 {denied}; {tail}"
    later = {"dsn": "5.7.1", "status": "rejected", "response": f"554 5.7.1 {denied}"}
    yield _case("postfix/smtpd", line, "to", recipient=recipient, **later)
    commas = f"from=<{sender}>, to=<{recipient}>, proto=ESMTP, helo=<{helo}>"
    reason = "Service currently unavailable"
    line = f"NOQUEUE: reject: RCPT from [192.0.2.1]:49152: 450 4.3.2 {reason}; {commas}"
    refused = {"action": "reject", "phase": "RCPT", "code": "450", "dsn": "4.3.2", "reason": reason}
    peer = {"client_addr": "192.0.2.1", "client_port": 49152}
    yield _case("postfix/postscreen", line, "noqueue", **refused, **peer, **said)


def _actions(stranger: Stranger) -> Iterator[Case]:
    sender, recipient = address(stranger.sender), address(stranger.recipient, "example.org")
    helo, head = neutered(stranger.helo), header(stranger.subject)
    tail = f"from=<{sender}> to=<{recipient}> proto=ESMTP helo=<{helo}>"
    said = {"sender": sender, "proto": "ESMTP", "helo": helo}
    origin = "mail.example.com[192.0.2.1]"
    subject = head.removeprefix("Subject: ")
    line = f"{ID}: info: header {head} from {origin}; {tail}: subject"
    yield _case("postfix/cleanup", line, "from", subject=subject, **said)
    line = f"{ID}: reject: header {head} from {origin}; {tail}: 5.7.1 no"
    yield _case("postfix/cleanup", line, "from", status="rejected", reason="5.7.1 no", **said)
    text = printable(stranger.text)
    line = f"{ID}: milter-reject: END-OF-MESSAGE from {origin}: 5.7.1 {text}; {tail}"
    yield _case("postfix/cleanup", line, "from", status="rejected", reason=f"5.7.1 {text}", **said)


def words(random: Random, most: int = 5) -> str:
    """A hostile text."""
    parts = []
    for _ in range(random.randrange(most)):
        if random.random() < 0.6:
            parts.append(random.choice(SNIPPETS))
        else:
            parts.append(
                "".join(chr(random.randrange(1, 0x250)) for _ in range(random.randrange(6)))
            )
    return "".join(parts)


def stranger(random: Random) -> Stranger:
    """A hostile stranger."""
    return Stranger(*(words(random) for _ in Stranger._fields))
