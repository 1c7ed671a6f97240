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

_MOST_PROGRAMS = 16384
_program = re.compile(r"([^\s:\[]+)\[([0-9]{1,10})\]:").fullmatch
_second = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII).fullmatch


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


@lru_cache(maxsize=_MOST_PROGRAMS)
def program_of(tag: str, pid: int | None) -> Program:
    """What a tag says: instance, service, daemon (global/mail_task.c)."""
    if tag in OTHERS:
        instance, _, component = tag.rpartition("/")
        return Program(tag, pid, instance or None, None, component, OTHERS[tag])
    instance, *middle, component = tag.split("/") if "/" in tag else ("", "")
    formats = COMPONENTS.get(component)
    if formats is None and instance.startswith("postfix") and component:
        formats = UNKNOWN
    if formats is None or not instance:
        return Program(tag, pid)
    service = "/".join(middle) or None
    frame = {"instance": instance, "component": component, "service": service, "pid": pid}
    return Program(tag, pid, instance, service, component, formats, is_postfix=True, frame=frame)


_programs: dict[str, Program | None] = {}


def _program_of_word(word: str) -> Program | None:
    """The program of `tag[pid]:`; None when it is not written so or its line may hold another."""
    if len(_programs) >= _MOST_PROGRAMS:
        _programs.clear()
    found = _program(word)
    program = program_of(found[1], int(found[2])) if found else None
    if program is not None and program.formats is None:
        program = None  # a relay's line, perhaps: posttrail.carriers knows
    _programs[word] = program
    return program


@lru_cache(maxsize=4096)
def _base(second: str, zone: str) -> int | None:
    """Microseconds since 1970 UTC of a whole second; None when there is no such second."""
    if not _second(second):
        return None
    try:
        at = datetime.fromisoformat(second + zone)
    except ValueError:
        return None
    return int(at.timestamp()) * SECOND


def _canonical(text: str) -> Line | None:
    """`<RFC 3339 stamp with microseconds> <host> <tag>[<pid>]: <message>`, else None."""
    parts = text.split(" ", 3)
    if len(parts) != 4:
        return None
    stamp, host, word, message = parts
    program = _programs.get(word) or _program_of_word(word)
    fraction = stamp[20:26]
    if program is None or not host or stamp[19:20] != "." or not fraction.isdigit():
        return None
    base = _base(stamp[:19], stamp[26:])
    if base is None or message[:1] in {" ", "[", ""} or message[-1] == "\r":
        return None
    return Line(base + int(fraction), host, program, message)


def _time(head: carriers.Head, received: int | None) -> int | None:
    if head.stamp is None:
        return head.t
    if received is None and head.stamp.year is None:
        return None
    return stamps.not_after(head.stamp, received or 0)


def read_head(line: bytes, received: int | None) -> Line | None:
    """Take the head off; None when the line has none.

    Args:
        line: as on `maillog.raw`, in any carrier.
        received: the record's own time in microseconds; bounds a stamp without a year.
    """
    if line[-1:] in {b"\n", b"\r"}:
        line = line.rstrip(b"\r\n")
    if b"\0" in line:
        line = line.replace(b"\0", b"")
    text = line.decode("utf-8", "replace")
    if (canonical := _canonical(text)) is not None:
        return canonical
    head = carriers.split(text)
    if head is None:
        return None
    return Line(_time(head, received), head.host, program_of(head.tag, head.pid), head.message)
