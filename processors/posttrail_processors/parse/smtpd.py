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
    said,
    table,
)
from posttrail_processors.parse.shared import PLAIN, QUEUED, STARTTLS
from posttrail_processors.parse.tails import Tail, take_tail
from posttrail_processors.parse.tokens import CODE, NAMADDR, QUEUE_ID

# smtpd.h: while the mail itself comes in, the stage is `DATA content` or `BDAT content`.
_PHASE = r"(?P<phase>[A-Za-z_-]++(?: content)?)"
_action = re.compile(
    rf"(?P<action>[a-z_-]++): {_PHASE} from (?P<client>{NAMADDR}): ", re.DOTALL
).match
_code = re.compile(CODE).match
_proxy_reject = re.compile(rf"proxy-reject: (?P<phase>[A-Z-]++): (?:{CODE})?", re.DOTALL).match

_ENDS_THE_MAIL = {"MAIL", "DATA", "DATA content", "BDAT", "BDAT content", "END-OF-MESSAGE"}
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
    fields = {"action": action, "phase": phase, "client": client, "reason": tail.text}
    if code is not None:
        fields["code"] = code[1]
        if code[2] is not None:
            fields["dsn"] = code[2]
    if tail.ambiguous:
        fields["ambiguous"] = "yes"
    fields.update(tail.fields)
    return action, "noqueue", fields


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
    action, phase, _ = found.groups()
    if action == "reject_warning":
        return action, "nothing", {}
    code = _code(message, found.end())
    start = (code or found).end()
    tail = take_tail(message[start:], third_party=_is_third_party(action))
    text = message[found.end() : start] + tail.text
    if action in {"reject", "milter-reject"}:
        dsn = code["dsn"] if code else None
        return action, *_refusal(phase, tail, text, dsn)
    if action not in {*_STATUS_OF_ACTION, *_ORDERS, "hangup"}:
        return None
    fields = _mail_fields(tail)
    if action in _STATUS_OF_ACTION:
        fields["status"] = _STATUS_OF_ACTION[action]
    if action not in _ORDERS or action == "warn":
        fields["reason"] = text
    return action, "from", fields


def _mail_fields(tail: Tail) -> Fields:
    return {name: text for name, text in _tail_fields(tail).items() if name != "recipient"}


def _refusal(phase: str, tail: Tail, text: str, dsn: str | None) -> tuple[Makes, Fields]:
    if phase == "RCPT" and "recipient" in tail.fields:
        fields = {"recipient": tail.fields["recipient"], "status": "rejected", "response": text}
        if dsn is not None:
            fields["dsn"] = dsn
        if tail.ambiguous:
            fields["ambiguous"] = "yes"
        return "to", fields
    status = {"status": "rejected"} if phase in _ENDS_THE_MAIL else {}
    return "from", {**_mail_fields(tail), **status, "reason": text}


def _read_proxy_reject(message: str) -> Reading | None:
    """`proxy-reject: END-OF-MESSAGE: NNN TEXT; from=<A> to=<A> proto=P helo=<H>`: no client."""
    if (found := _proxy_reject(message)) is None:
        return None
    tail = take_tail(message[found.end() :], third_party=True)
    fields = {"action": "proxy-reject", **said(found), "reason": tail.text}
    return "proxy-reject", "noqueue", fields | _tail_fields(tail)


# smtpd.c mail_open_stream: `client=NAMADDR[, sasl_method=M][, sasl_username=U][, sasl_sender=S]
# [, orig_queue_id=Q][, orig_client=NAMADDR]`. Only S is the client's
# to choose (AUTH= of MAIL FROM).
_client = re.compile(rf"client=({NAMADDR})").match
_orig_client = re.compile(rf", orig_client=({NAMADDR})\Z").search
_orig_queue_id = re.compile(rf", orig_queue_id=({QUEUE_ID})\Z").search
_MOST_ORIG = 1024


def _read_client(message: str) -> Reading | None:
    """A mail begins. What the filter before us says (XFORWARD) stands at the end."""
    if (found := _client(message)) is None:
        return None
    fields = {"client": found[1]}
    rest = message[found.end() :]
    if not rest:
        return "client", "from", fields
    for name, search in (("orig_client", _orig_client), ("orig_queue_id", _orig_queue_id)):
        if said := search(rest, max(0, len(rest) - _MOST_ORIG)):
            fields[name] = said[1]
            rest = rest[: said.start()]
    if rest and not _read_sasl(rest, fields):
        return None
    if "sasl_sender" in fields and ("orig_client" in fields or "orig_queue_id" in fields):
        fields["ambiguous"] = "yes"
    return "client", "from", fields


def _read_sasl(rest: str, fields: Fields) -> bool:
    for name in ("sasl_method", "sasl_username", "sasl_sender"):
        start = f", {name}="
        if not rest.startswith(start):
            continue
        following = ", sasl_username=" if name == "sasl_method" else ", sasl_sender="
        end = -1 if name == "sasl_sender" else rest.find(following)
        fields[name] = rest[len(start) : len(rest) if end < 0 else end]
        rest = "" if end < 0 else rest[end:]
    return not rest


def _read_context(message: str) -> Reading | None:
    """`NOQUEUE: client=…` before a proxy filter: the mail gets its id behind the filter."""
    return None if _read_client(message) is None else ("client", "nothing", {})


_BYTES = r"[A-Z-]+(?: content)?(?: \((?:approximately )?\d+ bytes\))? from "

_SESSION_ENDS = (  # smtpd.c smtpd_proto; from 3.10 with the queue id or NOQUEUE in front
    known("lost connection", "lost connection after ", _BYTES + NAMADDR),
    known("timeout", "timeout after ", _BYTES + NAMADDR),
    known("too many errors", "too many errors after ", _BYTES + NAMADDR),
    known("bare <LF>", "bare <LF> received after ", _BYTES + NAMADDR),
    known("abort", "abort: TLS from ", NAMADDR + ": .*"),
)

SMTPD = Component(
    queued=table(
        Format("client=", _read_client),
        Format("", _read_queued),
        *_SESSION_ENDS,
        *QUEUED,
    ),
    noqueue=table(
        Format("", _read_noqueue),
        Format("proxy-reject: ", _read_proxy_reject),
        known("proxy-accept", "proxy-accept: "),
        Format("client=", _read_context),
        *_SESSION_ENDS,
    ),
    plain=table(
        known("connect", "connect from ", NAMADDR),
        known("disconnect", "disconnect from ", rf"{NAMADDR}(?: [a-z0-9=/ ]++)?"),
        *_SESSION_ENDS,
        Format("proxy-reject: ", _read_proxy_reject),
        known("proxy-accept", "proxy-accept: "),
        known("improper command pipelining", "improper command pipelining after "),
        known("discarding EHLO keywords", "discarding EHLO keywords: "),
        known("replacing command", "", rf"{NAMADDR}: replacing command \".*\" with \".*\""),
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
