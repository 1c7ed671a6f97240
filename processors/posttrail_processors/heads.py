"""Whose line is it, and from when: the head of a raw line.

Lines in canonical form, as our producers write them, go a short way; every other carrier is taken
apart by posttrail.carriers. Both give the same. Knows no message of Postfix.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from posttrail import carriers, stamps
from posttrail.identity import SECOND
from posttrail_processors.parse.components import COMPONENTS, UNKNOWN
from posttrail_processors.parse.formats import Component
from posttrail_processors.parse.others import OTHERS

_MOST_KEPT = 4096
_MOST_PID = 2**31 - 1
_LONGEST_NAME = 255
_program = re.compile(r"([^\s:\[]{1,255})\[([0-9]{1,10})\]:").fullmatch
_second = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch


class Program(msgspec.Struct, frozen=True):
    """Who wrote a line; `formats` is None when nobody we know."""

    tag: str
    pid: int | None
    instance: str | None = None
    service: str | None = None
    component: str | None = None
    formats: Component | None = None
    is_postfix: bool = False
    frame: dict[str, Any] = {}
    """What every fact of this program says of it."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line without its head."""

    t: int | None
    """Microseconds since 1970 UTC; None when the stamp leaves the year or zone open."""
    host: str
    program: Program
    message: str


@lru_cache(maxsize=_MOST_KEPT)
def program_of(tag: str, pid: int | None) -> Program:
    """What a tag says: instance, service, daemon (global/mail_task.c)."""
    if pid is not None and pid > _MOST_PID:
        pid = None
    if tag in OTHERS:
        instance, _, component = tag.rpartition("/")
        return Program(tag, pid, instance or None, None, component, OTHERS[tag])
    instance, *middle, component = tag.split("/") if "/" in tag else ("", "")
    formats = COMPONENTS.get(component)
    if formats is None and instance.startswith("postfix") and component:
        formats = UNKNOWN
    if formats is None or not instance or len(tag) > _LONGEST_NAME:
        return Program(tag, pid)
    service = "/".join(middle) or None
    said = {"instance": instance, "component": component, "service": service, "pid": pid}
    frame = {name: value for name, value in said.items() if value is not None}
    return Program(tag, pid, instance, service, component, formats, is_postfix=True, frame=frame)


# What most lines share with the one before. Cleared when full: new processes and seconds come on.
_programs: dict[str, Program] = {}
_seconds: dict[str, int] = {}


def _program_of_word(word: str) -> Program | None:
    """The program of `tag[pid]:`; None when it is not written so or its line may hold another."""
    found = _program(word)
    program = program_of(found[1], int(found[2])) if found else None
    if program is None or program.formats is None:
        return None  # a relay's line, perhaps: posttrail.carriers knows
    if len(_programs) >= _MOST_KEPT:
        _programs.clear()
    _programs[word] = program
    return program


def _whole_second(stamp: str) -> int | None:
    """Microseconds since 1970 UTC of `YYYY-MM-DDTHH:MM:SS.+HH:MM`; None when there is none such."""
    if not _second(stamp):
        return None
    try:
        at = datetime.fromisoformat(stamp[:19] + stamp[20:])
    except ValueError:
        return None
    if len(_seconds) >= _MOST_KEPT:
        _seconds.clear()
    _seconds[stamp] = whole = int(at.timestamp()) * SECOND
    return whole


def _canonical(text: str) -> Line | None:
    """`<RFC 3339 stamp with microseconds> <host> <tag>[<pid>]: <message>`, else None."""
    try:
        stamp, host, word, message = text.split(" ", 3)
    except ValueError:
        return None
    program = _programs.get(word) or _program_of_word(word)
    # Spaces, `[ID …]` and a carriage return belong to the carrier.
    if program is None or message[-1:] in "\r\n" or message[0] in " [":
        return None
    fraction, second = stamp[20:26], stamp[:20] + stamp[26:]
    whole = _seconds.get(second) or _whole_second(second)
    if whole is None or not (fraction.isdecimal() and stamp.isascii()):
        return None
    if not 0 < len(host) <= _LONGEST_NAME:
        return None
    return Line(whole + int(fraction), host, program, message)


def _time(head: carriers.Head, received: int | None) -> int | None:
    if head.stamp is None:
        return head.t
    if received is None and head.stamp.year is None:
        return None
    return stamps.not_after(head.stamp, received or 0)


def read_head(
    line: bytes, received: int | None, relay_tags: frozenset[str] = carriers.DEFAULT_RELAY_TAGS
) -> Line | None:
    """Take the head off; None when the line has none.

    Args:
        line: as on `maillog.raw`, in any carrier.
        received: the record's own time in microseconds; bounds a stamp without a year.
        relay_tags: whose messages may be whole syslog lines of Postfix.
    """
    text = line.decode("utf-8", "replace")
    if "\0" in text:
        text = text.replace("\0", "")
    if (canonical := _canonical(text)) is not None:
        return canonical
    head = carriers.split(text.rstrip("\r\n"), relay_tags)
    if head is None:
        return None
    program = program_of(head.tag[: _LONGEST_NAME + 1], head.pid)  # longer ones are nobody's
    return Line(_time(head, received), head.host[:_LONGEST_NAME], program, head.message)
