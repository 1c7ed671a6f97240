"""Journal entries as canonical raw lines: `<RFC 3339 stamp> <host> <tag>[<pid>]: <message>`.

Pure: an entry is its fields as bytes. Knows nothing of systemd, Kafka or positions.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from posttrail.config import Journal
from posttrail.stamps import Settled, rfc3339

SUPPRESSED = "a596d6fe7bfa4994828e72309e95d61e"
"""MESSAGE_ID of journald's `Suppressed N messages from UNIT` (sd-messages.h, JOURNAL_DROPPED)."""

JOURNALD = b"systemd-journald"
DEBUG = 7
"""The least severe syslog level."""

# As Postfix's printable() (util/printable.c): a control byte becomes `?`, so a line stays one line.
_CONTROLS = bytes((*range(32), 127))
_MASKED = bytes.maketrans(_CONTROLS, b"?" * len(_CONTROLS))
_NOT_IN_A_TAG = re.compile(rb"[^!-~\x80-\xff]|[\[\]:]")
_SUPPRESSED_TEXT = re.compile(r"Suppressed \d+ messages from (\S+)")


class Entry(NamedTuple):
    """What a line needs of a journal entry; a field that the entry lacks is empty."""

    micros: int
    """Microseconds since 1970 UTC."""
    host: bytes
    identifier: bytes
    pid: bytes
    message: bytes


@lru_cache(maxsize=1024)
def _tag(identifier: bytes) -> bytes:
    """An identifier that cannot be taken for the end of a tag."""
    return _NOT_IN_A_TAG.sub(b"_", identifier) or b"-"


def raw_line(entry: Entry) -> bytes:
    """The entry as one line; newlines and other control bytes become `?`, other bytes stay."""
    pid = b"[%b]" % entry.pid if entry.pid.isdigit() else b""
    message = entry.message.rstrip(b"\r\n").translate(_MASKED)
    at = rfc3339(Settled(entry.micros, 0), micros=True).encode()
    return b"%b %b %b%b: %b" % (at, entry.host, _tag(entry.identifier), pid, message)


class Wanted:
    """Which of the matched entries are passed on: by instance, and notices about mail units."""

    def __init__(self, settings: Journal) -> None:
        self._units = settings.units
        self._identifiers = _encoded(settings.identifiers)
        self._instances = _encoded(settings.instances)

    def __call__(self, entry: Entry) -> bool:
        """Whether the entry is a line of ours."""
        if entry.identifier == JOURNALD:
            return self._is_about_mail(entry.message.decode(errors="replace"))
        if not self._instances or entry.identifier in self._identifiers:
            return True
        return entry.identifier.partition(b"/")[0] in self._instances

    def _is_about_mail(self, notice: str) -> bool:
        found = _SUPPRESSED_TEXT.match(notice)
        return found is not None and any(fnmatchcase(found[1], unit) for unit in self._units)


def _encoded(texts: Iterable[str]) -> frozenset[bytes]:
    return frozenset(text.encode() for text in texts)


def matches(settings: Journal, machine: str | None = None) -> list[list[str]]:
    """What to match: the entry fits when all `FIELD=value` of any one list do.

    Values of one field count as alternatives (sd_journal_add_match(3)). Never by unit: journald
    looks the unit up after the fact, and entries of processes that ended have none.
    """
    # An entry without a level counts as debug.
    levels = [f"PRIORITY={level}" for level in range(settings.level + 1) if settings.level < DEBUG]
    terms = [
        [*(f"SYSLOG_FACILITY={number}" for number in settings.facilities), *levels],
        [f"MESSAGE_ID={SUPPRESSED}", "_TRANSPORT=driver"],
    ]
    if settings.identifiers:
        terms.append([*(f"SYSLOG_IDENTIFIER={name}" for name in settings.identifiers), *levels])
    of_machine = [f"_MACHINE_ID={machine}"] if machine else []
    return [[*term, *of_machine] for term in terms]
