"""smtpd and qmqpd: smtpd/smtpd.c, smtpd/smtpd_check.c, smtpd/smtpd_proxy.c, qmqpd/qmqpd.c.

A refusal with `NOQUEUE` is a noqueue row. With a queue id it refuses one more recipient of a mail
(phase RCPT) or the mail as a whole (DATA and later). No fact of a refusal names the client: only
`client=` opens a mail (posttrail.identity.opener).
"""

import re

from posttrail_processors.parse.formats import (
    Component,
    Fields,
    Format,
    Makes,
    Reading,
    known,
    says,
    table,
)
from posttrail_processors.parse.shared import PLAIN, QUEUED, STARTTLS
from posttrail_processors.parse.tails import Tail, take_tail
from posttrail_processors.parse.tokens import CODE, NAMADDR

_action = re.compile(
    rf"(?P<action>[a-z_-]++): (?P<phase>[A-Za-z_-]++) from (?P<client>{NAMADDR}): ", re.DOTALL
).match
_code = re.compile(CODE).match
_proxy_reject = re.compile(rf"proxy-reject: (?P<phase>[A-Z-]++): (?:{CODE})?", re.DOTALL).match

_ENDS_THE_MAIL = {"MAIL", "DATA", "BDAT", "END-OF-MESSAGE"}
# smtpd_check.c check_table_result: what an access table may order besides a refusal.
_ORDERS = ("filter", "redirect", "bcc", "warn", "info", "permit", "prepend", "delay")
_STATUS_OF_ACTION = {
    "hold": "held",
    "milter-hold": "held",
    "discard": "discarded",
    "milter-discard": "discarded",
}


def _tail_fields(tail: Tail) -> Fields:
    return tail.fields | ({"ambiguous": "yes"} if tail.ambiguous else {})


def _is_third_party(action: str) -> bool:
    return action.startswith("milter-")


def _read_noqueue(message: str) -> Reading | None:
    """`ACTION: WHERE from NAMADDR: NNN D.S.N TEXT; from=…` without a queue id."""
    if (found := _action(message)) is None:
        return None
    action, phase, client = found.groups()
    code = _code(message, found.end())
    if action not in {"reject", "milter-reject"}:
        return _read_order(action, phase, client, message[found.end() :])
    tail = take_tail(message[(code or found).end() :], third_party=_is_third_party(action))
    said = {} if code is None else {n: v for n, v in code.groupdict().items() if v is not None}
    fields = {"action": action, "phase": phase, "client": client, **said, "reason": tail.text}
    return action, "noqueue", fields | _tail_fields(tail)


_KEPT = {"discard": "discard", "milter-discard": "discard", "hangup": "hangup"}


def _read_order(action: str, phase: str, client: str, text: str) -> Reading | None:
    """What an access table or a milter ordered: only losing the mail makes a row."""
    if action not in _KEPT:
        is_known = action in {*_ORDERS, "hold", "milter-hold", "reject_warning"}
        return (action, "nothing", {}) if is_known else None
    tail = take_tail(text, third_party=_is_third_party(action))
    fields = {"action": _KEPT[action], "phase": phase, "client": client, "reason": tail.text}
    return action, "noqueue", fields | _tail_fields(tail)


def _read_queued(message: str) -> Reading | None:
    """The same with a queue id: about one recipient, or about the mail."""
    if (found := _action(message)) is None:
        return None
    action, phase = found["action"], found["phase"]
    if action == "reject_warning":
        return action, "nothing", {}
    tail = take_tail(message[found.end() :], third_party=_is_third_party(action))
    if action in {"reject", "milter-reject"}:
        return action, *_refusal(phase, tail)
    if action not in {*_STATUS_OF_ACTION, *_ORDERS, "hangup"}:
        return None
    fields = _mail_fields(tail)
    if action in _STATUS_OF_ACTION:
        fields["status"] = _STATUS_OF_ACTION[action]
    if action not in _ORDERS or action == "warn":
        fields["reason"] = tail.text
    return action, "from", fields


def _mail_fields(tail: Tail) -> Fields:
    return {name: text for name, text in _tail_fields(tail).items() if name != "recipient"}


def _refusal(phase: str, tail: Tail) -> tuple[Makes, Fields]:
    if phase == "RCPT" and "recipient" in tail.fields:
        code = _code(tail.text)
        dsn = {"dsn": code["dsn"]} if code and code["dsn"] else {}
        unsure = {"ambiguous": "yes"} if tail.ambiguous else {}
        recipient = {"recipient": tail.fields["recipient"]}
        said = {"status": "rejected", "response": tail.text}
        return "to", {**recipient, **dsn, **said, **unsure}
    status = {"status": "rejected"} if phase in _ENDS_THE_MAIL else {}
    return "from", {**_mail_fields(tail), **status, "reason": tail.text}


def _read_proxy_reject(message: str) -> Reading | None:
    """`proxy-reject: END-OF-MESSAGE: NNN TEXT; from=<A> to=<A> proto=P helo=<H>`: no client."""
    if (found := _proxy_reject(message)) is None:
        return None
    said = {name: text for name, text in found.groupdict().items() if text is not None}
    tail = take_tail(message[found.end() :], third_party=True)
    fields = {"action": "proxy-reject", **said, "reason": tail.text}
    return "proxy-reject", "noqueue", fields | _tail_fields(tail)


_CLIENT = (  # smtpd.c mail_open_stream
    rf"(?P<client>{NAMADDR})(?:, sasl_method=(?P<sasl_method>[^,]++))?"
    r"(?:, sasl_username=(?P<sasl_username>.+?))?(?:, sasl_sender=(?P<sasl_sender>.+?))?"
    r"(?:, orig_queue_id=(?P<orig_queue_id>\w++))?"
    rf"(?:, orig_client=(?P<orig_client>{NAMADDR}))?"
)
_bare_client = re.compile(rf"client=({NAMADDR})").fullmatch
_BYTES = r"[A-Z-]+(?: \((?:approximately )?\d+ bytes\))? from "


def _read_client(message: str) -> Reading | None:
    """`client=NAMADDR` and no more: most mail."""
    found = _bare_client(message)
    return None if found is None else ("client", "from", {"client": found[1]})


_SESSION_ENDS = (  # smtpd.c smtpd_proto; from 3.10 with the queue id or NOQUEUE in front
    known("lost connection", "lost connection after ", _BYTES + NAMADDR),
    known("timeout", "timeout after ", _BYTES + NAMADDR),
    known("too many errors", "too many errors after ", _BYTES + NAMADDR),
    known("abort", "abort: TLS from ", NAMADDR + ": .*"),
)

SMTPD = Component(
    queued=table(
        Format("client=", _read_client),
        says("client", "from", "client=", _CLIENT),
        Format("", _read_queued),
        *_SESSION_ENDS,
        *QUEUED,
    ),
    noqueue=table(
        Format("", _read_noqueue),
        Format("proxy-reject: ", _read_proxy_reject),
        known("proxy-accept", "proxy-accept: "),
        known("client", "client=", _CLIENT),
        *_SESSION_ENDS,
    ),
    plain=table(
        known("connect", "connect from ", NAMADDR),
        known("disconnect", "disconnect from ", rf"{NAMADDR}(?: \w+=\d+(?:/\d+)?)*"),
        *_SESSION_ENDS,
        Format("proxy-reject: ", _read_proxy_reject),
        known("proxy-accept", "proxy-accept: "),
        known("improper command pipelining", "improper command pipelining after "),
        known("discarding EHLO keywords", "discarding EHLO keywords: "),
        *STARTTLS,
        *PLAIN,
    ),
)

_WHILE = rf"{NAMADDR}: .* while .*"
QMQPD = Component(
    queued=table(Format("client=", _read_client), known("lost connection", "", _WHILE), *QUEUED),
    noqueue=table(known("lost connection", "", _WHILE)),
    plain=table(
        known("connect", "connect from ", NAMADDR),
        known("disconnect", "disconnect from ", NAMADDR),
        *PLAIN,
    ),
)
