"""Cursors of the journal: which entry is meant, and what is missing behind it.

Pure. A cursor is text: `s=` the file's sequence id, `i=` the sequence number in it, `b=` boot,
`m=` monotonic and `t=` real time, `x=` hash of the entry (sd_journal_get_cursor(3) calls it opaque;
journal-file.c and sd-journal.c of systemd 252 make and read it so; numbers are hexadecimal).
"""

import re
from typing import NamedTuple

_CURSOR = re.compile(
    r"s=([0-9a-f]{32});i=([0-9a-f]+);b=([0-9a-f]{32});m=([0-9a-f]+);t=([0-9a-f]+);x=([0-9a-f]+)"
)


class Cursor(NamedTuple):
    """The parts of a cursor."""

    sequence: str
    number: int
    boot: str
    monotonic: int
    micros: int
    """Microseconds since 1970 UTC: when journald took the entry."""
    content: str


def parse_cursor(text: str) -> Cursor:
    """The parts of a cursor.

    Raises:
        ValueError: the text is not a cursor.
    """
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise ValueError(f"not a journal cursor: {text!r}")
    sequence, number, boot, monotonic, micros, content = found.groups()
    return Cursor(
        sequence, int(number, 16), boot, int(monotonic, 16), int(micros, 16), content.lstrip("0")
    )


def same_entry(one: str, other: str) -> bool:
    """Whether both cursors mean one entry.

    An entry that was copied to another file (flushed from /run to /var, received from another
    host) has another sequence there, but keeps its times, its boot and its hash.
    """
    this, that = parse_cursor(one), parse_cursor(other)
    if this.sequence == that.sequence:
        return this.number == that.number
    return this[2:] == that[2:]


class Missing(NamedTuple):
    """Entries between where we stood and what the journal holds now are gone."""

    entries: int | None
    """How many, of all programs; None: another sequence follows, nobody can know."""


def missing(stood: str, found: str, following: str | None) -> Missing | None:
    """What is gone behind `stood`, or None.

    `found` is the entry at `stood` or, when that is gone, the next one that is there; `following`
    is the one after `found`, None at the end. All without a filter: the numbers of one sequence
    are without holes only over the entries of all programs.
    """
    if not same_entry(stood, found):
        return _between(stood, found)
    hole = _between(stood, following) if following else None
    return hole if hole and hole.entries else None


def _between(before: str, after: str) -> Missing | None:
    this, that = parse_cursor(before), parse_cursor(after)
    if this.sequence != that.sequence:
        return Missing(None)
    entries = that.number - this.number - 1
    return Missing(entries) if entries > 0 else None
