"""The journal of this host, or of every host in a directory, as a source of raw lines.

First it loads what is there, from the stored position or a time on; then it follows. Knows no
Kafka; when to commit is the pump's matter.
"""

import select
import time
from collections.abc import Iterable, Mapping

import msgspec

from posttrail import logs, metrics
from posttrail.config import Journal
from posttrail.errors import BadInput, Retry
from posttrail.identity import SECOND
from posttrail_producers.gaps import count_gap, gap_record
from posttrail_producers.journal_access import refuse_closed
from posttrail_producers.journal_cursor import Missing
from posttrail_producers.journal_lines import Entry, Wanted, matches, raw_line
from posttrail_producers.journal_reader import Gap, JournalReader, Stood
from posttrail_producers.lines import MOST_BYTES
from posttrail_producers.source import Batch, Record

LOOK_EVERY_S = 10.0
"""Between two looks for what sd-journal does not tell: a file that we may not open, a new host in
an old file."""

HERE = ""
"""The machine id of a journal that is this host's alone."""


class JournalPosition(msgspec.Struct, frozen=True):
    """Where a journal source stands, as JSON on `maillog.positions`."""

    stood: dict[str, Stood] = {}
    """By machine id."""


def _decode(value: bytes) -> JournalPosition:
    try:
        return msgspec.json.decode(value, type=JournalPosition)
    except msgspec.DecodeError as error:
        raise BadInput(f"the stored position is not one of a journal: {error}") from None


def source_id(settings: Journal, host: str) -> str:
    """One producer at a time reads one host's journal, or one directory of journals."""
    own = f"journal:{host}"
    return own if settings.directory is None else f"{own}:{settings.directory.absolute()}"


class JournalSource:
    """The journal as posttrail_producers.source.Source says.

    `resume` and `read` raise:
        BadInput: the journal is missing or may not be read, or the position is none of a journal.
        NotReady: systemd-python is not installed.
        Retry: the journal could not be read this time.
    """

    finished = False
    """A journal never ends."""

    def __init__(self, settings: Journal, host: str, since: int = 0) -> None:
        """Nothing is opened yet.

        Args:
            settings: which entries, from where.
            host: names the source, and lines whose entries name no host.
            since: microseconds since 1970 UTC: where to begin when there is no position; 0: with
                the oldest entry.
        """
        self.id = source_id(settings, host)
        self._settings = settings
        self._host = host.encode()
        self._since = since
        self._wanted = Wanted(settings)
        self._log = logs.logger("producer").bind(source=self.id)
        self._stored: dict[str, Stood] = {}
        self._given = b""
        self._watch: JournalReader | None = None
        self._readers: dict[str, JournalReader] = {}
        self._at_end = False
        self._follows = False
        self._looked = 0.0

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """Stand where the last commit left off."""
        given = positions.get(self.id)
        stored = _decode(given) if given else JournalPosition()
        self._stored = stored.stood
        self._given = msgspec.json.encode(stored)
        directory = self._settings.directory
        refuse_closed(directory)
        self._watch = None if directory is None else JournalReader(directory, ())
        self._readers, self._at_end = {}, False
        self._look()
        self._log.info("loading the journal", known=given is not None)

    def read(self, most: int) -> Batch:
        """The next lines, about so many; a line for each gap that shows."""
        try:
            if self._at_end:
                self._refresh()
            gaps = self._gaps()
            lines = self._lines(most)
        except OSError as error:
            raise Retry(f"cannot read the journal: {error}") from error
        position = msgspec.json.encode(self._position())
        if position == self._given:
            return Batch()
        self._given = position
        return Batch([*gaps, *lines], {self.id: position})

    def wait(self, seconds: float) -> None:
        """Return when something happens to the files, at the latest after so many seconds.

        Not sd-journal's wait(): it holds Python's signal handlers back.
        """
        poll = select.poll()
        for reader in self._all_readers():
            poll.register(reader.fileno, select.POLLIN)
        poll.poll(seconds * 1000)

    def _look(self) -> None:
        """Open a reader for every machine that has none."""
        self._looked = time.monotonic()
        refuse_closed(self._settings.directory)
        there = [HERE] if self._watch is None else self._watch.machines()
        for machine in there:
            if machine not in self._readers:
                self._readers[machine] = self._reader_of(machine)

    def _all_readers(self) -> list[JournalReader]:
        watch = [] if self._watch is None else [self._watch]
        return [*watch, *self._readers.values()]

    def _reader_of(self, machine: str) -> JournalReader:
        return JournalReader(
            self._settings.directory,
            matches(self._settings, machine),
            machine,
            self._stored.get(machine, Stood()),
            self._since,
        )

    def _position(self) -> JournalPosition:
        readers = self._readers.items()
        now = {machine: reader.stood for machine, reader in readers if reader.stood.cursor}
        return JournalPosition(self._stored | now)

    def _refresh(self) -> None:
        """Take note of changes; only at the end, for what was removed can be read until then."""
        invalid = [reader.refresh() for reader in self._all_readers()]
        if any(invalid) or time.monotonic() - self._looked > LOOK_EVERY_S:
            self._look()

    def _gaps(self) -> list[Record]:
        unchecked = [reader for reader in self._readers.values() if reader.unchecked]
        found = [gap for reader in unchecked if (gap := reader.gap())]
        for reader in unchecked:
            reader.look_ahead()
        return [self._gap_record(gap) for gap in found]

    def _gap_record(self, gap: Gap) -> Record:
        count_gap("journal", "entries gone")
        return gap_record(gap.micros, gap.host or self._host, "journal", None, _reason(gap.missing))

    def _lines(self, most: int) -> list[Record]:
        share = max(1, most // max(1, len(self._readers)))
        entries = [entry for reader in self._readers.values() for entry in reader.read(share)]
        self._at_end = not entries
        behind = time.time() - entries[-1].micros / SECOND if entries else 0
        metrics.PRODUCER_BEHIND.labels(self.id).set(behind)
        if self._at_end and not self._follows:
            self._follows = True
            self._log.info("all is loaded, following the journal")
        return list(self._records(entry for entry in entries if self._wanted(entry)))

    def _records(self, entries: Iterable[Entry]) -> Iterable[Record]:
        for entry in entries:
            named = entry if entry.host else entry._replace(host=self._host)
            line = raw_line(named)
            yield named.host, line[:MOST_BYTES]
            if len(line) > MOST_BYTES:
                count_gap("journal", "long line")
                reason = f"a line of {len(line)} bytes is cut after {MOST_BYTES}"
                yield gap_record(named.micros, named.host, "journal", 1, reason)


def _reason(gone: Missing) -> str:
    if gone.entries is None:
        return "the journal no longer holds the place that was read last"
    return f"{gone.entries} entries of all programs are gone from the journal"
