"""One file from where it was left off to its end, as a source: `posttrail produce file PATH`.

The file is read once and not watched; a last line without a newline counts as a line.
"""

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path

import msgspec

from posttrail import logs
from posttrail.config import Settings
from posttrail.stamps import Stamps, State
from posttrail.textfiles import TextFile, first_text, open_text
from posttrail_producers.canonical import Canonical
from posttrail_producers.file_position import HEAD, Known, Place, unread, whole_line
from posttrail_producers.file_reader import Before, FileReader
from posttrail_producers.lines import TAIL
from posttrail_producers.source import Batch
from posttrail_producers.year_survey import refuse_wrong_year, survey


class Times(msgspec.Struct, frozen=True):
    """What the user says about the stamps."""

    year: int | None = None
    """Of the first line."""
    zone: tzinfo | None = None
    """None: the host's."""


class Checked(msgspec.Struct, frozen=True):
    """A file that can be imported."""

    path: Path
    size: int
    """Bytes on disk."""
    modified: int
    """Microseconds since 1970 UTC."""


def check(path: Path, times: Times) -> Checked | None:
    """Look at a file before anything is written anywhere; None: it is empty.

    Raises:
        BadInput: it cannot be read, is no log, or the year cannot be right.
    """
    with open_text(path) as file:
        block = first_text(file)
    if not block:
        return None
    status = path.stat()
    checked = Checked(path, status.st_size, status.st_mtime_ns // 1000)
    if times.year is not None:
        refuse_wrong_year(block, path, times.year, checked.modified)
    return checked


class FileImport:
    """A file as a source."""

    def __init__(
        self, checked: Checked, settings: Settings, times: Times, begin: State | None = None
    ) -> None:
        """Nothing is opened before `resume`.

        `begin`: what a file that was never read inherits from the rotated file before it.
        """
        self.checked = checked
        self.id = f"file:{settings.producer.host}:{checked.path.resolve()}"
        self.finished = False
        self.known_lines = 0
        self._host = settings.producer.host
        self._times = times
        self._begin = begin or State()
        self._file: TextFile | None = None
        self._reader: FileReader | None = None
        self._log = logs.logger("producer").bind(path=str(checked.path))

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """Find the file among those that were read before, and stand behind what was read."""
        self.close()
        self.finished = False
        with open_text(self.checked.path) as file:
            head = file.read(HEAD)
        place = Known(positions).find(head, self._before)
        if place is None:
            place = unread(str(self.checked.path), head, self._begin, positions)
        self.known_lines = place.position.lines
        if place.position.offset and not self._has(place.position.offset):
            self._log.warning(
                "shorter than when it was read before: nothing of it is new",
                offset=place.position.offset,
            )
        self._go_on(whole_line(place, self._byte_after(place)), head)

    def _before(self, offset: int, size: int) -> bytes | None:
        with open_text(self.checked.path) as file:
            data = file.skip(offset, size)
        return data if len(data) == size else None

    def _has(self, offset: int) -> bool:
        """Whether the text reaches up to there."""
        return self._before(offset, 1) is not None

    def _byte_after(self, place: Place) -> bytes:
        with open_text(self.checked.path) as file:
            file.skip(place.position.offset, 0)
            return file.read(1)

    def _go_on(self, place: Place, head: bytes) -> None:
        offset = place.position.offset
        self._file = open_text(self.checked.path)
        tail = self._file.skip(offset, min(offset, TAIL))
        stamps = Stamps(
            place.position.stamps,
            self._times.zone,
            zone_given=self._times.zone is not None,
            year_given=self._times.year is not None,
            not_after=self.checked.modified,
        )
        canonical = Canonical(stamps, self._host, self._find_year)
        self._reader = FileReader(self._file, place, Before(head[:offset], tail), canonical)

    def _find_year(self) -> int:
        if self._times.year is not None:
            return self._times.year
        assert self._reader is not None
        with open_text(self.checked.path) as file:
            file.skip(self._reader.position.offset, 0)
            year, told_by = survey(file, self.checked.modified)
        self._log.info("the year of the first line is found", year=year, told_by=told_by)
        return year

    def read(self, most: int) -> Batch:
        """The next lines.

        Raises:
            posttrail.textfiles.Damaged: the compressed data ends here.
        """
        assert self._reader is not None
        batch = self._reader.take(most)
        if not batch.records:
            batch = self._reader.take_rest()
            self.finished = True
        return batch

    def wait(self, seconds: float) -> None:
        """There is nothing to wait for."""

    @property
    def stamps(self) -> State:
        """What the lines so far say about those after them."""
        return self._begin if self._reader is None else self._reader.position.stamps

    def raw_position(self) -> int:
        """Bytes read of the file on disk."""
        return 0 if self._file is None else self._file.raw_position()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None
