"""One machine's entries of a journal, in order, from a place on: the only user of systemd-python.

Knows no Kafka. Each step is written around a trap of sd-journal that loses or repeats entries; the
comments name them and tests/integration/test_journal_traps.py shows them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from posttrail.errors import BadInput, NotReady
from posttrail_producers.journal_cursor import Missing, missing, same_entry
from posttrail_producers.journal_lines import Entry

UNLIMITED = 0
"""sd_journal_set_data_threshold(3): the default would cut fields at 64 KiB, unsaid."""

Terms = Sequence[Sequence[str]]
"""`FIELD=value` to match: see posttrail_producers.journal_lines.matches."""


def _systemd() -> Any:
    """The library, loaded late: the file producer runs without it."""
    try:
        from systemd import journal  # noqa: PLC0415
    except ImportError as error:
        raise NotReady(
            f"systemd-python is missing ({error}): install libsystemd-dev, pkg-config and a "
            "C compiler, then `pip install 'posttrail[journal]'`"
        ) from None
    return journal


def _open(directory: Path | None) -> Any:
    """A systemd.journal.Reader over a directory or, with None, over this host's journal."""
    journal = _systemd()
    try:
        # Never files=[…]: such a reader does not follow rotation.
        reader = journal.Reader(path=None if directory is None else str(directory))
    except OSError as error:
        raise BadInput(f"cannot open the journal {directory or ''}: {error}") from None
    reader.data_threshold = UNLIMITED
    return reader


class Stood(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a reader stands; what is kept between two runs."""

    cursor: str = ""
    """Of the last entry, of any program, that is done with; empty: none yet."""
    told: bool = False
    """Whether what is missing right behind it has been told."""


class Place(NamedTuple):
    """An entry that was looked at but not read."""

    cursor: str
    micros: int
    host: bytes


class Gap(NamedTuple):
    """What is gone, and the time and host of the entry behind the hole."""

    micros: int
    host: bytes
    missing: Missing


class JournalReader:
    """Reads the entries that fit `terms`.

    With `machine`, of that machine alone: in a directory of several, sd-journal sorts by time over
    all files, and what comes late from one host lies before the place and is never shown.

    Raises:
        NotReady: systemd-python is not installed.
        BadInput: there is no such directory; `stood` is no cursor.
    """

    def __init__(
        self,
        directory: Path | None,
        terms: Terms,
        machine: str = "",
        stood: Stood = Stood(),  # noqa: B008  # immutable
        since: int = 0,
    ) -> None:
        """Go behind `stood` or, when there is none, to the first entry at `since`.

        `since` is in microseconds since 1970 UTC; 0: all entries that there are.
        """
        self._terms = terms
        self._all: Terms = [[f"_MACHINE_ID={machine}"]] if machine else []
        self._reader = _open(directory)
        # Only now does sd-journal begin to watch: process() without this never sees a change.
        self.fileno: int = self._reader.fileno()
        # get_next() makes a dict of all fields and two datetimes: 18 us an entry, these take 4.
        self._next = self._reader._next  # noqa: SLF001
        self._field = self._reader._get  # noqa: SLF001
        self._cursor = self._reader._get_cursor  # noqa: SLF001
        self._micros = self._reader._get_realtime  # noqa: SLF001
        self.stood = stood
        self.unchecked = True
        """Whether files came or went since `gap` was last able to answer."""
        self._since = since
        self._ahead = ""
        self._may_repeat = False
        self._go()

    def machines(self) -> list[str]:
        """The machine ids of all entries that the files hold."""
        found = self._reader.query_unique("_MACHINE_ID")
        return sorted(one.hex for one in found if isinstance(one, UUID))

    def refresh(self) -> bool:
        """Take note of what happened to the files; whether some came or went.

        To be called at the end only: a file that was removed stays readable until then.
        """
        invalid = bool(self._reader.process() == _systemd().INVALIDATE)
        self.unchecked = self.unchecked or invalid
        return invalid

    def read(self, most: int) -> list[Entry]:
        """The next entries, at most so many; none: the end for now."""
        entries: list[Entry] = []
        while len(entries) < most and self._next():
            if self._may_repeat:
                self._may_repeat = False
                if same_entry(self._cursor(), self.stood.cursor):
                    continue
            entries.append(self._entry())
        if entries:
            self.stood = Stood(self._cursor())
        elif self._ahead:
            self.stood = Stood(self._ahead)
        self._ahead = ""
        return entries

    def gap(self) -> Gap | None:
        """What is gone behind our place: to be asked as long as we are `unchecked`.

        sd-journal itself says nothing: it goes on with the next entry that is there. What is told
        once is not told again as long as we stand here.
        """
        stood = self.stood
        if not stood.cursor or stood.told:
            self.unchecked = False
            return None
        self._match(self._all)
        self._seek_stood()
        found = self._look()
        gone = None if found is None else missing(stood.cursor, found.cursor, self._after(found))
        self._go()
        self.unchecked = found is None  # only what follows can tell what is missing
        if found is None or gone is None:
            return None
        self.stood = Stood(stood.cursor, told=True)
        return Gap(found.micros, found.host, gone)

    def look_ahead(self) -> None:
        """Note the last entry of any program: when the next read finds nothing, we stand there.

        So a host that logs much but mails little does not stand on an entry until it is vacuumed.
        """
        self._match(self._all)
        self._reader.seek_tail()
        # seek_tail() and then next would give the last entry again, and skip later ones.
        self._ahead = self._cursor() if self._next(-1) else ""
        self._go()

    def _match(self, terms: Terms) -> None:
        self._reader.flush_matches()
        for term in terms:
            for field in term:
                self._reader.add_match(field)
            self._reader.add_disjunction()

    def _go(self) -> None:
        """To our place, seeing only what fits."""
        self._match(self._terms)
        self._may_repeat = False
        if self.stood.cursor:
            self._seek_stood()
        elif self._since:
            self._reader.seek_realtime(self._since)  # an integer is microseconds
        else:
            self._reader.seek_head()

    def _seek_stood(self) -> None:
        """The next entry is the one we stand on when it is there and fits, else a new one."""
        try:
            self._reader.seek_cursor(self.stood.cursor)
        except (OSError, ValueError):
            raise BadInput(
                f"the stored position is not a journal cursor: {self.stood.cursor!r}"
            ) from None
        self._may_repeat = True

    def _look(self) -> Place | None:
        if not self._next():
            return None
        return Place(self._cursor(), self._micros(), self._get("_HOSTNAME"))

    def _after(self, found: Place) -> str | None:
        if not same_entry(found.cursor, self.stood.cursor):
            return None
        following = self._look()
        return following.cursor if following else None

    def _entry(self) -> Entry:
        identifier = self._get("SYSLOG_IDENTIFIER") or self._get("_COMM")
        pid = self._get("SYSLOG_PID") or self._get("_PID")
        return Entry(self._time(), self._get("_HOSTNAME"), identifier, pid, self._get("MESSAGE"))

    def _get(self, name: str) -> bytes:
        """A field as bytes: binary as it is, the first one of a repeated one, empty when absent."""
        try:
            value: bytes = self._field(name)
        except KeyError:
            return b""
        return value

    def _time(self) -> int:
        """When the kernel took the line from Postfix, in microseconds since 1970 UTC.

        That is the time of the syslog(3) call; journald's own stamp is later by its backlog.
        """
        sent = self._get("_SOURCE_REALTIME_TIMESTAMP")
        return int(sent) if sent.isdigit() else int(self._micros())
