"""One log and its rotated files, read in the order of writing: each line once, none forgotten.

Files stay open while they are read, so renaming, compressing and deleting them takes nothing away.
In each round the sizes are taken from the newest file to the oldest and read from the oldest to the
newest: what stands in an older file was written before what stands in a newer one.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from posttrail import logs
from posttrail.identity import SECOND
from posttrail.stamps import Stamps, State
from posttrail.textfiles import Damaged
from posttrail_producers.canonical import Canonical
from posttrail_producers.file_import import Times
from posttrail_producers.file_position import (
    Known,
    Place,
    places,
    print_of,
    unread,
    whole_line,
)
from posttrail_producers.file_reader import Before, FileReader
from posttrail_producers.gaps import count_gap, gap_record
from posttrail_producers.lines import TAIL
from posttrail_producers.opened import Opened
from posttrail_producers.rotation import family
from posttrail_producers.siblings import Candidate, Past, Sibling, find_siblings, has_more, plan
from posttrail_producers.source import Batch
from posttrail_producers.tail import CutOff, Tail
from posttrail_producers.year_survey import survey

QUIET_S = 60.0
"""A rotated file is let go when nothing was written to it for so long and a newer one has lines."""
QUIET_DELETED_S = 5.0
"""The same for a file that is deleted."""
MOST_OPEN = 32
LOOK_AGAIN_S = 5.0
"""How long a file that cannot be read is left alone."""


class Scope(msgspec.Struct, frozen=True):
    """What all logs of a source share."""

    host: str
    """Key of lines that name none."""
    times: Times
    wanted: Callable[[Path], bool]
    """Whether the user asked for this file."""
    positions: dict[str, bytes]
    """As in `maillog.positions`, and on with every batch."""


class Reading:
    """A file that is being read."""

    def __init__(self, opened: Opened, place: Place | None) -> None:
        self.opened = opened
        self.place = place
        self.tail = Tail(opened, 0 if place is None else place.position.offset)
        self.reader: FileReader | None = None
        self.gap_after = ""
        """Reason of a gap between this file's end and the next file."""

    def holds(self, sibling: Sibling) -> bool:
        """Whether this is the same log file, perhaps under another name or compressed since."""
        if self.opened.inode == sibling.opened.inode:
            return True
        if self.place is not None:
            return sibling.place is not None and sibling.place.key == self.place.key
        return sibling.head != b"" and sibling.head == self.opened.head()

    def is_quiet(self) -> bool:
        """Whether nothing more is to be expected of it."""
        if not self.tail.is_at_end:
            return False
        if self.opened.compression is not None or self.gap_after:
            return True
        quiet = time.monotonic() - self.tail.idle_since
        return quiet > (QUIET_S if self.opened.has_a_name() else QUIET_DELETED_S)


class Chain:
    """The files of one log."""

    def __init__(self, live: Path, scope: Scope) -> None:
        """Nothing is opened before `resume`. `live`: the name that the log has while it grows."""
        self.live = live
        self._scope = scope
        self._files: list[Reading] = []
        self._round: list[Reading] = []
        self._current: Reading | None = None
        self._refused: tuple[tuple[int, int], float] | None = None
        self._pending: list[Batch] = []
        self._host = scope.host.encode()
        self._log = logs.logger("producer").bind(path=str(live))
        self._canonical = self._new_canonical(State())

    def _new_canonical(self, state: State) -> Canonical:
        times = self._scope.times
        given = {"zone_given": times.zone is not None, "year_given": times.year is not None}
        return Canonical(Stamps(state, times.zone, **given), self._scope.host, self._find_year)

    # -- which files ------------------------------------------------------------------------------

    def resume(self) -> None:
        """Open what is to be read, as the positions say."""
        self.close()
        before = self._followed()
        self._canonical = self._new_canonical(before.position.stamps if before else State())
        past = None
        if before is not None:
            past = Past(before.position.modified, is_lost=not before.position.gone)
        if self._open_new(past) and before is not None:
            self._pending.append(self._gap(before, None, "rotated away before it was read"))
        if self._files and before is not None:
            self._look_for_copy(self._files[0], before)

    def _look_for_copy(self, oldest: Reading, before: Place) -> None:
        """Tell when the log was copied and truncated while nobody looked.

        A renamed file keeps its inode; what goes on where we stood under another one is a copy.
        Compressing makes another inode, too: then the log still having the old one tells, if it was
        rotated once. After more, the number may have been given out again.
        """
        was, newest = before.position.inode, self._files[-1]
        if (
            was is None
            or oldest is newest
            or oldest.place is None
            or oldest.place.key != before.key
        ):
            return
        if oldest.opened.compression is None:
            is_copy = oldest.opened.inode != was
        else:
            is_copy = len(self._files) == 2 and newest.opened.inode == was
        if is_copy:
            oldest.gap_after = "copytruncate"

    def _followed(self) -> Place | None:
        """The file of this log that was followed last."""
        ours = [
            place
            for place in places(self._scope.positions)
            if place.position.modified
            and place.position.host == self._scope.host
            and family(Path(place.position.path)) == self.live
        ]
        return max(ours, key=lambda place: place.position.modified, default=None)

    def _open_new(self, past: Past | None) -> bool:
        """Add the files that are not being read yet; whether lines before them are lost."""
        siblings = find_siblings(self.live, Known(self._scope.positions))
        open_now = [any(one.holds(sibling) for one in self._files) for sibling in siblings]
        candidates = [
            Candidate(
                known=is_open or one.place is not None,
                unread=not is_open and has_more(one),
                wanted=self._scope.wanted(one.opened.path),
                modified=one.modified,
            )
            for one, is_open in zip(siblings, open_now, strict=True)
        ]
        read, lost = plan(candidates, past)
        for index, sibling in enumerate(siblings):
            if index in read and not open_now[index]:
                self._files.append(Reading(sibling.opened, sibling.place))
            else:
                sibling.opened.close()
        return lost

    def _check_rotation(self) -> None:
        try:
            status = self.live.stat()
        except OSError:
            return  # vanished, perhaps to return
        inode = (status.st_dev, status.st_ino)
        if any(reading.opened.inode == inode for reading in self._files):
            return
        if self._refused is not None and self._refused[0] == inode:
            if time.monotonic() < self._refused[1]:
                return
        else:
            self._log.info("rotated")
        past = None
        if self._files:
            past = Past(self._files[-1].opened.modified(), is_lost=False)
        self._open_new(past)
        if all(reading.opened.inode != inode for reading in self._files):
            self._refused = (inode, time.monotonic() + LOOK_AGAIN_S)

    # -- what stands in them ----------------------------------------------------------------------

    def read(self, most: int) -> Batch:
        """The next lines, at most so many; empty: there are none now."""
        is_new_round = False
        while True:
            while self._pending or self._round:
                batch = self._pending.pop(0) if self._pending else self._read_on(most)
                if batch.positions:
                    self._scope.positions.update(batch.positions)
                    return batch
            if is_new_round:
                return Batch()
            self._begin_round()
            is_new_round = True

    def _begin_round(self) -> None:
        self._check_rotation()
        self._canonical.stamps.not_after = int(time.time() * SECOND)
        for reading in reversed(self._files):
            reading.tail.limit = reading.opened.size()
        self._round = list(self._files)

    def _read_on(self, most: int) -> Batch:
        reading = self._current = self._round[0]
        try:
            batch = self._lines_of(reading, most)
        except CutOff:
            return self._cut_off(reading)
        except Damaged as error:
            return self._damaged(reading, error)
        if not batch.positions:
            self._round = self._round[1:]
            if self._is_done(reading):
                return self._let_go(reading)
        return batch

    def _lines_of(self, reading: Reading, most: int) -> Batch:
        if reading.reader is None and not self._begin_reading(reading):
            return Batch()
        assert reading.reader is not None
        reading.reader.modified = reading.opened.modified()
        batch = reading.reader.take(most)
        if batch.records:
            self._host = batch.records[-1][0]
        return batch

    def _begin_reading(self, reading: Reading) -> bool:
        """Whether there is something to read."""
        head = reading.opened.head()
        if not head:
            return False
        place = reading.place
        if place is None:
            state = self._canonical.stamps.state
            place = unread(str(reading.opened.path), head, state, self._scope.positions)
        with reading.opened.text(place.position.offset) as file:
            place = whole_line(place, file.read(1))
        path, inode = str(reading.opened.path), reading.opened.inode
        position = replace(place.position, path=path, inode=inode, host=self._scope.host)
        offset = position.offset
        if reading.opened.compression is None and reading.opened.size() < offset:
            return self._shortened(reading, Place(place.key, position), head)
        tail = reading.opened.before(offset, min(offset, TAIL)) or b""
        reading.place = Place(place.key, position)
        reading.tail.go_to(offset)
        reading.reader = FileReader(
            reading.tail, reading.place, Before(head[:offset], tail), self._canonical
        )
        return True

    def _shortened(self, reading: Reading, place: Place, head: bytes) -> bool:
        """Its end was cut off while nobody looked: what is left was read, what comes is new."""
        size = reading.opened.size()
        tail = reading.opened.before(size, min(size, TAIL)) or b""
        position = replace(
            place.position, head=print_of(head[:size]), offset=size, tail=print_of(tail)
        )
        self._pending.append(self._gap_behind(Place(place.key, position), "its end was cut off"))
        reading.place = Place(place.key, position)
        return self._begin_reading(reading)

    def _find_year(self) -> int:
        if self._scope.times.year is not None:
            return self._scope.times.year
        assert self._current is not None
        assert self._current.reader is not None
        with self._current.opened.text(self._current.reader.position.offset) as file:
            year, told_by = survey(file, self._current.opened.modified())
        self._log.info("the year of the first line is found", year=year, told_by=told_by)
        return year

    # -- ends and losses --------------------------------------------------------------------------

    def _is_done(self, reading: Reading) -> bool:
        if reading is self._files[-1]:
            return False
        newer = self._files[self._files.index(reading) + 1 :]
        crowded = len(self._files) > MOST_OPEN and reading.tail.is_at_end
        return crowded or (reading.is_quiet() and any(one.opened.size() for one in newer))

    def _let_go(self, reading: Reading) -> Batch:
        """The file is read to its end; a last line without a newline is a line."""
        rest = Batch() if reading.reader is None else reading.reader.take_rest()
        self._drop(reading)
        if reading.gap_after and reading.place is not None:
            return self._gap(self._place_of(reading), rest, reading.gap_after)
        return rest

    def _drop(self, reading: Reading) -> None:
        self._files = [one for one in self._files if one is not reading]
        self._round = [one for one in self._round if one is not reading]
        reading.tail.close()

    def _place_of(self, reading: Reading) -> Place:
        assert reading.place is not None
        if reading.reader is None:
            return reading.place
        return Place(reading.place.key, reading.reader.position)

    def _damaged(self, reading: Reading, error: Damaged) -> Batch:
        self._log.warning("what is damaged cannot be read", reason=str(error))
        self._drop(reading)
        if reading.place is None:
            return Batch()
        return self._gap(self._place_of(reading), None, "damaged")

    def _cut_off(self, reading: Reading) -> Batch:
        """The file was truncated in place, as logrotate's copytruncate does.

        What we had not read may stand in the copy. What was written after the copying and before
        the truncation stands nowhere, and nobody can know whether there was anything.
        """
        assert reading.reader is not None
        place, old = self._place_of(reading), reading.reader
        reading.tail.restart()
        reading.place = reading.reader = None
        copy = self._copy_of(place)
        if copy is not None:
            copied = Reading(copy, place)
            copied.gap_after = "copytruncate"
            self._files.insert(self._files.index(reading), copied)
        self._begin_round()
        if copy is not None:
            return Batch()
        return self._gap(place, old.take_rest(), "truncated without a copy")

    def _copy_of(self, place: Place) -> Opened | None:
        known = Known({place.key: msgspec.json.encode(place.position)})
        found: Opened | None = None
        open_now = {reading.opened.inode for reading in self._files}
        for sibling in find_siblings(self.live, known):
            if sibling.place is None or found is not None or sibling.opened.inode in open_now:
                sibling.opened.close()
            else:
                found = sibling.opened
        return found

    def _gap(self, place: Place, before: Batch | None, reason: str) -> Batch:
        """Lines may be missing here; the place is done with."""
        position = place.position
        if before is not None and before.positions:
            position = msgspec.json.decode(before.positions[place.key], type=type(position))
        gap = self._gap_behind(Place(place.key, replace(position, gone=True)), reason)
        return Batch([*(before.records if before else []), *gap.records], gap.positions)

    def _gap_behind(self, place: Place, reason: str) -> Batch:
        """Lines may be missing here; reading goes on at this place."""
        self._log.warning("lines may be lost", reason=reason, file=place.position.path)
        count_gap("file", reason)
        record = gap_record(
            int(time.time() * SECOND), self._host, place.position.path, None, reason
        )
        return Batch([record], {place.key: msgspec.json.encode(place.position)})

    def unread_bytes(self) -> int:
        """Bytes on disk behind the place, of plain files."""
        return sum(
            max(0, reading.opened.size() - reading.tail.offset)
            for reading in self._files
            if reading.opened.compression is None
        )

    def close(self) -> None:
        """Close all files."""
        for reading in self._files:
            reading.tail.close()
        self._files, self._round, self._pending = [], [], []
