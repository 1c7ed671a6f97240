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
from posttrail_processors.parse.formats import Component, Reading, find
from posttrail_processors.parse.parsed import Parsed
from posttrail_processors.parse.tokens import is_queue_id

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


def _read_message(formats: Component, message: str) -> tuple[str | None, Reading | None]:
    """The queue id in front, if any, and what the rest says."""
    first, colon, rest = message.partition(": ")
    if colon:
        if is_queue_id(first):
            return first, find(formats.queued, rest)
        if first == "NOQUEUE":
            return None, find(formats.noqueue, rest)
    return None, find(formats.plain, message)


def _parsed(line: Line, queue_id: str | None, reading: Reading, errors: list[str]) -> Parsed:
    program = line.program
    action, _, fields = reading
    return Parsed(
        line.t,
        line.host,
        program.instance,
        program.service,
        program.component,
        program.pid,
        queue_id,
        action,
        fields,
        tuple(sorted(errors)) if errors else (),
    )


def _without_facts(line: Line, cls: LineClass, queue_id: str | None, reason: str | None) -> Outcome:
    """A line that nobody could read: `action` says so."""
    action = "unknown" if cls == "dead" else cls
    return Outcome(cls, _parsed(line, queue_id, (action, "nothing", {}), []), _NO_FACTS, reason)


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


def _repeat(line: Line) -> tuple[int, Line]:
    """rsyslog's `message repeated N times: [ MSG]`: how often, and the line it stands for."""
    found = _repeated(line.message)
    if found is None:
        return 1, line
    return min(int(found[1]), _MOST_REPEATS), Line(line.t, line.host, line.program, found[2])


def _repeats(fact: AnyFact, times: int) -> tuple[AnyFact, ...]:
    return tuple(msgspec.structs.replace(fact, ordinal=ordinal) for ordinal in range(times))


def read_line(line: bytes, origin: Origin, rules: Rules, received: int | None = None) -> Outcome:
    """Read one raw line.

    Args:
        line: as on `maillog.raw`, any bytes.
        origin: where it stands there.
        rules: what the administrator says.
        received: the record's own time in microseconds; bounds a stamp without a year.
    """
    head = read_head(line, received)
    if head is None:
        return _headless(line)
    program = head.program
    if program.formats is None:
        return _without_facts(head, "foreign", None, None)
    times = 1
    if head.message.startswith("message repeated "):
        times, head = _repeat(head)
    queue_id, reading = _read_message(program.formats, head.message)
    if reading is None:
        return _unknown(head, queue_id)
    if reading[1] == "nothing":
        return Outcome("ignored", _parsed(head, queue_id, reading, []))
    if head.t is None:
        return _without_facts(head, "dead", queue_id, "the stamp has no year")
    fact, errors = make_fact(head, queue_id, reading, origin, rules)
    facts = (fact,) if times == 1 else _repeats(fact, times)
    return Outcome("fact", _parsed(head, queue_id, reading, errors), facts)
