"""cleanup: cleanup/cleanup_message.c, cleanup_milter.c, cleanup_api.c.

`ACTION: CLASS TEXT from ORIGIN; from=<A>[ to=<A>][ proto=P][ helo=<H>][: OPTTEXT]`

TEXT is a header or body line of the mail, so a stranger's, but never over 200 bytes
(cleanup_act_log); OPTTEXT is the administrator's, from the table. Of the places where
` from ORIGIN; from=<` and the rest fit, the last is the true one, unless it lies inside the quoted
address of an earlier one: then the line says that it is ambiguous.
"""

import re

from posttrail_processors.parse.addresses import split_pair
from posttrail_processors.parse.formats import Component, Fields, Format, Reading, said, says, table
from posttrail_processors.parse.shared import PLAIN, QUEUED
from posttrail_processors.parse.tails import take_tail
from posttrail_processors.parse.tokens import ADDRESS, NAMADDR

_MOST_TEXT = 200
_LEAST_CUT = 1024
_MOST_CANDIDATES = 64

_ORIGIN = rf" from (?:{NAMADDR}|local|unknown);"
_HELO = r'[^ <>()\\";@]*+'
_origins = re.compile(_ORIGIN).finditer
_tail = re.compile(
    rf"{_ORIGIN} from=<(?P<sender>{ADDRESS})>(?: to=<(?P<recipient>{ADDRESS})>)?"
    rf"(?: proto=(?P<proto>[\w-]{{1,32}}+))?(?: helo=<(?P<helo>{_HELO})>)?(?:: (?P<text>.*))?\Z",
    re.DOTALL,
).match
_after_addresses = re.compile(
    rf">(?: proto=(?P<proto>[\w-]{{1,32}}+))?(?: helo=<(?P<helo>{_HELO})>)?"
    r"(?:: (?P<text>[^>]*))?\Z",
    re.DOTALL,
).match
# cleanup_milter_hbc_log writes `milter-header-ACTION` for checks on what a milter added.
_action = re.compile(
    r"((?:milter-[a-z]+-)?+([a-z]+)): (?:header|body|content|mime-error|nested|mime)[a-z]*+ "
).match
_ACTIONS = {
    "reject", "warning", "warn", "info", "filter", "pass", "discard", "hold", "delay", "prepend",
    "replace", "redirect", "bcc", "strip",
}  # fmt: skip
_milter = re.compile(
    rf"(?P<action>milter-(?:reject|hold|discard)): (?P<phase>[A-Z-]++) from {NAMADDR}: ", re.DOTALL
).match
_STATUS = {"reject": "rejected", "hold": "held", "discard": "discarded"}


def _only_fit(message: str, start: int) -> re.Match[str] | None:
    """Where `; from=<` stands but once, there is no choice."""
    at = message.find("; from=<", start)
    if at < 0 or message.find("; from=<", at + 1) >= 0:
        return None
    origin = message.rfind(" from ", start - 1, at)
    return _tail(message, origin) if 0 <= origin - start + 1 <= _MOST_TEXT + 1 else None


def _fits(message: str, start: int) -> list[re.Match[str]]:
    """Every place where the rest of the template fits, of those where TEXT may end."""
    fits: list[re.Match[str]] = []
    for origin in _origins(message, start, min(len(message), start + _MOST_TEXT + 2048)):
        if origin.start() - start > _MOST_TEXT or len(fits) == _MOST_CANDIDATES:
            break
        if found := _tail(message, origin.start()):
            fits.append(found)
    return fits


def _is_inside(inner: re.Match[str], outer: re.Match[str]) -> bool:
    """Whether a fit lies inside an address of an earlier one."""
    return inner.start() < max(outer.end("sender"), outer.end("recipient"))


def _choose(fits: list[re.Match[str]], kind: str) -> tuple[re.Match[str], bool]:
    best, unsure = fits[0], False
    if kind == "replace":  # OPTTEXT is a new header, made of the old one perhaps
        return best, len(fits) > 1
    for later in fits[1:]:
        if _is_inside(later, best):
            unsure = True
        else:
            best, unsure = later, False
    return best, unsure


def _internal(message: str, start: int) -> tuple[int, Fields, bool] | None:
    """Addresses in internal form: the tail is read from the end of the line."""
    origins = [found for found in _origins(message, start) if found.start() - start <= _MOST_TEXT]
    for origin in reversed(origins[-8:]):
        end = message.rfind("> proto=", origin.end())
        end = message.rfind(">", origin.end()) if end < 0 else end
        if end < 0 or not (found := _after_addresses(message, end)):
            continue
        if not message.startswith(" from=<", origin.end()):
            continue
        sender, recipient, unsure = split_pair(message[origin.end() + 7 : end], "> to=<")
        fields = said(found)
        if recipient is not None:
            fields["recipient"] = recipient
        return origin.start(), {"sender": sender, **fields}, unsure
    return None


def _subject(text: str) -> str | None:
    if text.startswith("header Subject: "):
        return text[16:]
    name, _, subject = text.partition(":")
    return subject.removeprefix(" ") if name.casefold() == "header subject" else None


def _read_action(message: str) -> Reading | None:
    """An action of header_checks, body_checks or a milter's header checks."""
    if (found := _action(message)) is None or found[2] not in _ACTIONS:
        return None
    (action, kind), start, unsure = found.groups(), found.end(), False
    fit = _only_fit(message, start)
    if fit is None and (fits := _fits(message, start)):
        fit, unsure = _choose(fits, kind)
    if fit is not None:
        sender, _, proto, helo, order = fit.groups()
        tail = {"sender": sender}
        if proto is not None:
            tail["proto"] = proto
        if helo is not None:
            tail["helo"] = helo
        end = fit.start()
    elif (internal := _internal(message, start) or _cut(message, start)) is not None:
        end, tail, unsure = internal
        order = tail.pop("text", None)
        tail.pop("recipient", None)
    else:
        return None
    _add_attributes(tail, kind, message[found.end(1) + 2 : end], order)
    if unsure:
        tail["ambiguous"] = "yes"
    return action, "from", tail


def _add_attributes(fields: Fields, kind: str, text: str, order: str | None) -> None:
    """Subject, status and reason; the reason is the administrator's text, else the line found."""
    if kind in _STATUS:
        fields["status"] = _STATUS[kind]
        fields["reason"] = text if order is None else order
    elif kind in {"info", "warning", "warn"}:
        subject = _subject(text)
        if subject is not None:
            fields["subject"] = subject
        reason = text if order is None and subject is None else order
        if kind != "info" and reason is not None:
            fields["reason"] = reason


def _cut(message: str, start: int) -> tuple[int, Fields, bool] | None:
    """A line that syslog cut in its addresses: the text before the last origin is whole."""
    if len(message) < _LEAST_CUT:
        return None
    end = start + _MOST_TEXT
    origins = [found.start() for found in _origins(message, start, end + _MOST_TEXT)]
    fitting = [at for at in origins if at <= end]
    return (fitting[-1], {}, len(fitting) > 1) if fitting else None


def _read_milter(message: str) -> Reading | None:
    """`milter-reject: EVENT from NAMADDR: [D.S.N ]TEXT; from=<A>[ to=<A>] proto=P helo=<H>`."""
    if (found := _milter(message)) is None:
        return None
    action = found["action"]
    tail = take_tail(message[found.end() :], third_party=True)
    status = _STATUS[action.removeprefix("milter-")]
    fields = tail.fields | {"status": status, "reason": tail.text}
    fields.pop("recipient", None)
    return action, "from", fields | ({"ambiguous": "yes"} if tail.ambiguous else {})


def _read_message_id(message: str) -> Reading | None:
    """`message-id=VALUE`: the header as it stands, to the end of the line."""
    return "message-id", "from", {"message_id": message[len("message-id=") :]}


CLEANUP = Component(
    queued=table(
        Format("message-id=", _read_message_id),
        Format("", _read_action),
        says("resent-message-id", "from", "resent-message-id=", "(?P<resent_message_id>.*)"),
        Format("milter-", _read_milter),
        says("removed", "from", "removed (canceled)", "", status="canceled", removed="yes"),
        says("removed", "from", "removed (discarded)", "", status="discarded", removed="yes"),
        *QUEUED,
    ),
    noqueue=table(),
    plain=table(*PLAIN),
)
