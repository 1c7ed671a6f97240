"""The front door: one raw line in, what became of it out. Never raises, whatever the bytes.

fact     it makes facts
ignored  Postfix's, known by its shape, and no table needs it
foreign  not Postfix's
dead     Postfix's and not understood, with or without a queue id; `reason` says why
"""

import re

import msgspec

from posttrail.records import AnyFact, LineClass, Origin
from posttrail_processors.extract.facts import Rules, make_fact
from posttrail_processors.heads import Line, read_head
from posttrail_processors.parse.formats import find
from posttrail_processors.parse.parsed import Parsed
from posttrail_processors.parse.tokens import LONGEST_ID, is_queue_id

__all__ = ["Outcome", "Parsed", "Rules", "read_line"]

_MOST_REPEATS = 10_000
_repeated = re.compile(r"message repeated (\d{1,9}) times?: \[ ?(.*)\]", re.DOTALL).fullmatch
_looks_like_postfix = re.compile(rb"\bpostfix[\w.-]*/[\w/.-]+\[\d+\]: ").search
_NO_FACTS: tuple[AnyFact, ...] = ()


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a line."""

    cls: LineClass
    parsed: Parsed | None
    """None when the line has no head that can be read."""
    facts: tuple[AnyFact, ...] = _NO_FACTS
    reason: str | None = None
    """Why the line is dead."""


def _without_facts(line: Line, cls: LineClass, queue_id: str | None, reason: str | None) -> Outcome:
    """A line that nobody could read: `action` says so."""
    action = "unknown" if cls == "dead" else cls
    return Outcome(cls, Parsed(line, queue_id, action, {}), _NO_FACTS, reason)


def _headless(line: bytes) -> Outcome:
    if _looks_like_postfix(line):
        return Outcome("dead", None, _NO_FACTS, "no syslog head that can be read")
    return Outcome("foreign", None)


def _unknown(line: Line, queue_id: str | None) -> Outcome:
    program = line.program
    if not program.is_postfix:
        return _without_facts(line, "foreign", None, None)
    with_id = "with a queue id" if queue_id else "without a queue id"
    return _without_facts(
        line, "dead", queue_id, f"{program.component}: no known format, {with_id}"
    )


def _repeated_line(line: Line, found: re.Match[str], origin: Origin, rules: Rules) -> Outcome:
    """rsyslog's `message repeated N times: [ MSG]`: N facts, each with an identity of its own."""
    times = min(int(found[1]), _MOST_REPEATS)
    once = Line(line.t, line.host, line.program, found[2])
    if _repeated(once.message):
        return _unknown(line, None)
    outcome = _read(once, origin, rules)
    facts = tuple(
        msgspec.structs.replace(fact, ordinal=ordinal)
        for fact in outcome.facts[:1]
        for ordinal in range(times)
    )
    return msgspec.structs.replace(outcome, facts=facts)


def _read(line: Line, origin: Origin, rules: Rules) -> Outcome:
    message, formats, queue_id = line.message, line.program.formats, None
    if formats is None:
        return _without_facts(line, "foreign", None, None)
    first, colon, rest = message.partition(": ")
    if not colon:
        reading = find(formats.plain, message)
    elif len(first) <= LONGEST_ID and is_queue_id(first):
        queue_id, reading = first, find(formats.queued, rest)
    elif first == "NOQUEUE":
        reading = find(formats.noqueue, rest)
    else:
        reading = find(formats.plain, message)
    if reading is None:
        if found := _repeated(message):
            return _repeated_line(line, found, origin, rules)
        return _unknown(line, queue_id)
    if reading[1] == "nothing":
        return Outcome("ignored", Parsed(line, queue_id, reading[0], reading[2]))
    if line.t is None:
        return _without_facts(line, "dead", queue_id, "the stamp has no year")
    fact, errors = make_fact(line, queue_id, reading, origin, rules)
    return Outcome("fact", Parsed(line, queue_id, reading[0], reading[2], errors), (fact,))


def read_line(line: bytes, origin: Origin, rules: Rules, received: int | None = None) -> Outcome:
    """Read one raw line.

    Args:
        line: as on `maillog.raw`, any bytes.
        origin: where it stands there.
        rules: what the administrator says.
        received: the record's own time in microseconds; bounds a stamp without a year.
    """
    head = read_head(line, received, rules.relay_tags)
    return _headless(line) if head is None else _read(head, origin, rules)
