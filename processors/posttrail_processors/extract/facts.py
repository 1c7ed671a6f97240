"""Facts out of what was read: one function per kind of fact.

Shapes and limits: posttrail.records. Postfix's own words that mean more than their text
(SOFTBOUNCE, `queued as`, VERP) are understood here.
"""

import re

import msgspec

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
from posttrail_processors.extract.values import CONVERT, CONVERTED, Values
from posttrail_processors.extract.verp import split_verp
from posttrail_processors.heads import Line
from posttrail_processors.parse.formats import Reading
from posttrail_processors.parse.tokens import QUEUE_ID

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


def _cut(text: str, most: int) -> str:
    """At most so many bytes, cut between two characters."""
    data = text.encode()
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")


def _bound(values: Values) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            most = MAX_TEXT_BYTES if name in _LONG_TEXTS else MAX_ADDRESS_BYTES
            values[name] = _cut(value, most)


def _may_be_long(message: str) -> bool:
    """Whether a part of this message can go over a limit in bytes."""
    return len(message) > MAX_ADDRESS_BYTES // 4 and (
        len(message) > MAX_ADDRESS_BYTES or not message.isascii()
    )


def _next_queue_id(component: str | None, response: str) -> str | None:
    """The id that the mail has at its next stop, where Postfix puts it."""
    if component == "local":
        found = _forwarded_as(response)
    elif response.startswith("2"):
        found = _queued_as(response)
    else:
        found = None
    return found[1] if found else None


def _complete_to(values: Values, component: str | None) -> None:
    status = values["status"]
    if status == "SOFTBOUNCE":
        values["status"], values["softbounce"] = "deferred", True
    elif status in _PROBE_STATUSES:
        values["probe"] = True
    if values.get("orig_recipient") == values["recipient"]:
        del values["orig_recipient"]
    if status == "sent" and "ed as " in (response := values.get("response", "")):
        next_queue_id = _next_queue_id(component, response)
        if next_queue_id is not None:
            values["next_queue_id"] = next_queue_id


def make_fact(
    line: Line, queue_id: str | None, reading: Reading, origin: Origin, rules: Rules
) -> tuple[AnyFact, list[str]]:
    """The fact that a line with a time makes, and what of the line could not be used."""
    _, makes, fields = reading
    values: Values = {**line.program.frame, **fields}
    values["t"], values["host"], values["origin"] = line.t, line.host, origin
    errors: list[str] = []
    for name in CONVERTED.intersection(fields):
        CONVERT[name](values.pop(name), values, errors)
    if _may_be_long(line.message):
        _bound(values)
    if makes == "from":
        values["queue_id"] = queue_id
        if rules.verp_marker and "sender" in values:
            values |= split_verp(values["sender"], rules.verp_marker)
        return FromFact(**values), errors
    if makes == "to":
        values["queue_id"] = queue_id
        _complete_to(values, line.program.component)
        return ToFact(**values), errors
    return (NoqueueFact if makes == "noqueue" else GapFact)(**values), errors
