"""Facts out of what was read: one function per kind of fact.

Shapes and limits: posttrail.records. Postfix's own words that mean more than their text
(SOFTBOUNCE, `queued as`, VERP) are understood here.
"""

import re

import msgspec

from posttrail.carriers import DEFAULT_RELAY_TAGS
from posttrail.records import (
    MAX_ADDRESS_BYTES,
    MAX_TEXT_BYTES,
    AnyFact,
    FromFact,
    GapFact,
    NoqueueFact,
    Origin,
    ToFact,
)
from posttrail_processors.extract.values import CONVERT, Values
from posttrail_processors.extract.verp import split_verp
from posttrail_processors.heads import Line
from posttrail_processors.parse.formats import Reading
from posttrail_processors.parse.tokens import QUEUE_ID

_converter = CONVERT.get
_SURELY_SHORT = MAX_ADDRESS_BYTES // 4
"""Characters: no part of such a line has too many bytes."""
_LONG_TEXTS = {"response", "reason", "subject"}
_PROBE_STATUSES = {"deliverable", "undeliverable", "undeliverable-but-not-cached"}
# smtpd/smtpd.c: `250 2.0.0 Ok: queued as ID`; filters put the next server's reply behind their own.
_queued_as = re.compile(
    r".*[: ]queued as ([0-9A-Za-z][0-9A-Za-z._-]{0,99})\)?", re.DOTALL
).fullmatch
_forwarded_as = re.compile(rf"forwarded as ({QUEUE_ID})").fullmatch


class Rules(msgspec.Struct, frozen=True):
    """What the administrator says about how mail is to be read."""

    verp_marker: str = ""
    """What separates the VERP id from the sender; empty: senders are not split."""
    relay_tags: frozenset[str] = DEFAULT_RELAY_TAGS
    """Whose messages may be whole syslog lines of Postfix."""


def _cut(text: str, most: int) -> str:
    """At most so many bytes, cut between two characters."""
    if len(text) * 4 <= most:
        return text
    data = text.encode()
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")


def _is_short(message: str) -> bool:
    return len(message) <= MAX_ADDRESS_BYTES and message.isascii()


def _bound(values: Values) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            most = MAX_TEXT_BYTES if name in _LONG_TEXTS else MAX_ADDRESS_BYTES
            values[name] = _cut(value, most)


def _next_queue_id(component: str | None, response: str) -> str | None:
    """The id that the mail has at its next stop, where Postfix puts it."""
    if component == "local":
        found = _forwarded_as(response)
    elif response.startswith("2"):
        found = _queued_as(response)
    else:
        found = None
    return found[1] if found else None


def _to_fact(values: Values) -> ToFact:
    status = values["status"]
    if status == "SOFTBOUNCE":
        values["status"], values["softbounce"] = "deferred", True
    elif status in _PROBE_STATUSES:
        values["probe"] = True
    elif status == "sent" and "ed as " in values.get("response", ""):
        next_queue_id = _next_queue_id(values["component"], values["response"])
        if next_queue_id is not None:
            values["next_queue_id"] = next_queue_id
    if "orig_recipient" in values and values["orig_recipient"] == values["recipient"]:
        del values["orig_recipient"]
    return ToFact(**values)


def _from_fact(values: Values, rules: Rules) -> FromFact:
    if "removed" in values:
        del values["removed"]
        values["removed_at"] = values["t"]
    if rules.verp_marker and "sender" in values:
        values |= split_verp(values["sender"], rules.verp_marker)
    return FromFact(**values)


def make_fact(
    line: Line, queue_id: str | None, reading: Reading, origin: Origin, rules: Rules
) -> tuple[AnyFact, tuple[str, ...]]:
    """The fact that a line with a time makes, and what of the line could not be used."""
    _, makes, fields = reading
    values: Values = line.program.frame.copy()
    problems: tuple[str, ...] = ()
    for name, text in fields.items():
        convert = _converter(name)
        if convert is None:
            values[name] = text
            continue
        made, problem = convert(text)
        values |= made
        if problem is not None:
            problems = (*problems, problem)
    values["t"], values["host"], values["origin"] = line.t, line.host, origin
    if len(line.message) > _SURELY_SHORT and not _is_short(line.message):
        _bound(values)
    if queue_id is not None:
        values["queue_id"] = queue_id
    if makes == "from":
        return _from_fact(values, rules), problems
    if makes == "to":
        return _to_fact(values), problems
    return (NoqueueFact if makes == "noqueue" else GapFact)(**values), problems
