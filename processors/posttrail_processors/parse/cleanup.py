"""cleanup: cleanup/cleanup_message.c, cleanup_milter.c, cleanup_api.c.

`ACTION: CLASS TEXT from ORIGIN; from=<A>[ to=<A>][ proto=P][ helo=<H>][: OPTTEXT]`

TEXT is a header or body line of the mail, so a stranger's, but never over 200 bytes
(cleanup_act_log); OPTTEXT is the administrator's, from the table. Of the places where
` from ORIGIN; from=<` and the rest fit, the last is the true one, unless it lies inside the quoted
address of an earlier one: then the line says that it is ambiguous.
"""

import re

from posttrail_processors.parse.addresses import split_pair
from posttrail_processors.parse.formats import Component, Fields, Format, Reading, says, table
from posttrail_processors.parse.shared import PLAIN, QUEUED
from posttrail_processors.parse.tails import take_tail
from posttrail_processors.parse.tokens import ADDRESS, NAMADDR

_MOST_TEXT = 200
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
_action = re.compile(
    r"(?P<action>reject|warning|info|filter|pass|discard|hold|delay|prepend|replace|redirect|bcc|strip)"
    r": (?P<what>(?:header|body|content|mime-error) )",
    re.DOTALL,
).match
# cleanup_milter.c cleanup_milter_hbc_log: header checks on what a milter added.
_milter_checks = re.compile(
    r"(?P<action>milter-[a-z]+-(?:reject|warn|warning|info|filter|discard|hold|redirect|bcc|prepend"
    r"|replace|pass|delay|strip)): (?P<what>(?:header|body|content|mime-error|nested|mime)\w* )",
    re.DOTALL,
).match
_milter = re.compile(
    rf"(?P<action>milter-(?:reject|hold|discard)): (?P<phase>[A-Z-]++) from {NAMADDR}: ", re.DOTALL
).match
_STATUS = {"reject": "rejected", "hold": "held", "discard": "discarded"}


def _status(action: str) -> Fields:
    status = _STATUS.get(action.rpartition("-")[2])
    return {} if status is None else {"status": status}


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


def _choose(fits: list[re.Match[str]], action: str) -> tuple[re.Match[str], bool]:
    best, unsure = fits[0], False
    if action.endswith("replace"):  # OPTTEXT is a new header, made of the old one perhaps
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
        fields = {name: text for name, text in found.groupdict().items() if text is not None}
        if recipient is not None:
            fields["recipient"] = recipient
        return origin.start(), {"sender": sender, **fields}, unsure
    return None


def _subject(text: str) -> str | None:
    name, colon, subject = text.removeprefix("header ").partition(":")
    if not colon or not text.startswith("header ") or name.casefold() != "subject":
        return None
    return subject.removeprefix(" ")


def _read_action(message: str) -> Reading | None:
    """An action of header_checks, body_checks or a milter's header checks."""
    if (found := _action(message) or _milter_checks(message)) is None:
        return None
    action, start = found.groups()[0], found.end()
    unsure = False
    fit = _only_fit(message, start)
    if fit is None and (fits := _fits(message, start)):
        fit, unsure = _choose(fits, action)
    if fit is not None:
        sender, _, proto, helo, order = fit.groups()
        tail = {"sender": sender}
        if proto is not None:
            tail["proto"] = proto
        if helo is not None:
            tail["helo"] = helo
        end = fit.start()
    elif (internal := _internal(message, start)) is not None:
        end, tail, unsure = internal
        order = tail.pop("text", None)
        tail.pop("recipient", None)
    else:
        return _read_cut(message, found)
    fields = _attributes(action, message[found.start(2) : end], order)
    if unsure:
        fields["ambiguous"] = "yes"
    return action, "from", fields | tail


def _attributes(action: str, text: str, order: str | None) -> Fields:
    """Subject, status and reason; the reason is the administrator's text, else the line found."""
    kind = action.rpartition("-")[2]
    subject = _subject(text) if kind in {"info", "warning", "warn"} else None
    fields = _status(action) if subject is None else {"subject": subject}
    if kind not in {"warning", "warn", *_STATUS}:
        return fields
    reason = text if order is None and subject is None else order
    return fields if reason is None else {**fields, "reason": reason}


def _read_cut(message: str, found: re.Match[str]) -> Reading | None:
    """A line that syslog cut inside its text: action and text are sure, the rest is gone."""
    if len(message) < 1024 or _origins(message, found.end()) is None:
        return None
    action = found["action"]
    return action, "from", _attributes(action, message[found.start("what") :], None)


def _read_milter(message: str) -> Reading | None:
    """`milter-reject: EVENT from NAMADDR: [D.S.N ]TEXT; from=<A>[ to=<A>] proto=P helo=<H>`."""
    if (found := _milter(message)) is None:
        return None
    action = found["action"]
    tail = take_tail(message[found.end() :], third_party=True)
    fields = tail.fields | _status(action) | {"reason": tail.text}
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
