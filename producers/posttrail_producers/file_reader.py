"""One open log file as batches: lines made canonical, and the position after them.

Used by the import of a file and by following. Knows no names and no rotation.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from posttrail.identity import SECOND
from posttrail.textfiles import BLOCK
from posttrail_producers.canonical import Canonical
from posttrail_producers.file_position import HEAD, FilePosition, Place, print_of
from posttrail_producers.gaps import count_gap, gap_record
from posttrail_producers.lines import MOST_BYTES, Chunk, Cut, Lines
from posttrail_producers.source import Batch, Record


class Readable(Protocol):
    """Bytes in order; none: no more for now."""

    def read(self, size: int = BLOCK) -> bytes:
        """At most so many bytes."""
        ...


class Before(NamedTuple):
    """What is known of the bytes before the place where reading goes on."""

    head: bytes = b""
    """The first of them, HEAD at most."""
    tail: bytes = b""
    """The last of them."""


class FileReader:
    """Reads on in a file and knows where it stands."""

    def __init__(
        self,
        file: Readable,
        start: Place,
        before: Before,
        canonical: Canonical,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Go on at `start`, where `file` stands already.

        `clock` stamps gaps: seconds since 1970.
        """
        self.key = start.key
        self.position = start.position
        self.modified = 0
        """When the file was written last, microseconds since 1970; goes along with the position."""
        self._file = file
        self._head = before.head
        self._lines = Lines(before.tail)
        self._canonical = canonical
        self._clock = clock

    def take(self, most: int) -> Batch:
        """The next whole lines, at most so many; empty: there are none now.

        Raises:
            posttrail.textfiles.Damaged: nothing can be read from here on.
        """
        while not self._lines.waiting:
            block = self._file.read()
            if not block:
                return Batch()
            if len(self._head) < HEAD:
                self._head = (self._head + block)[:HEAD]
            self._lines.feed(block)
        return self._batch(self._lines.take(most), torn=0)

    def take_rest(self) -> Batch:
        """What stands after the last newline, as a line; empty: nothing does."""
        size = self._lines.rest_size
        return self._batch(self._lines.take_rest(), torn=size) if size else Batch()

    def _batch(self, chunk: Chunk, torn: int) -> Batch:
        records = self._canonical.records(chunk.lines)
        offset = self.position.offset + chunk.size
        self.position = FilePosition(
            path=self.position.path,
            head=print_of(self._head[:offset]),
            offset=offset,
            tail=print_of(chunk.tail),
            lines=self.position.lines + len(chunk.lines),
            stamps=self._canonical.stamps.state,
            torn=torn,
            modified=self.modified,
            inode=self.position.inode,
            host=self.position.host,
        )
        for cut in reversed(chunk.cuts):  # from the end, so that the places before stay
            if cut.lost:
                records.insert(cut.at + 1, self._cut_record(records[cut.at][0], cut))
        return Batch(records, {self.key: msgspec.json.encode(self.position)})

    def _cut_record(self, host: bytes, cut: Cut) -> Record:
        count_gap("file", "long line")
        at = int(self._clock() * SECOND)
        reason = f"a line of {cut.length} bytes is cut after {MOST_BYTES}"
        return gap_record(at, host, self.position.path, 1, reason)
