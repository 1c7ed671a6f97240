"""Finds the rotated files of a log, and decides which of them are still to be read."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from posttrail import logs
from posttrail.errors import BadInput
from posttrail.textfiles import Damaged, is_binary
from posttrail_producers.file_position import Known, Place
from posttrail_producers.opened import Opened
from posttrail_producers.rotation import family, oldest_first

_SETTLED_S = 0.02
"""Rotation renames one file after the other; two equal looks this far apart show its end."""
_LOOKS = 50


class Sibling(NamedTuple):
    """A file of the family, open."""

    opened: Opened
    head: bytes
    place: Place | None
    """Where it stands, when it was read before."""
    modified: int


def _names(live: Path) -> dict[Path, tuple[int, int]]:
    """Path and inode of all files of the family."""
    found: dict[Path, tuple[int, int]] = {}
    try:
        entries = list(os.scandir(live.parent))
    except OSError:
        return found
    for entry in entries:
        if not entry.name.startswith(live.name):
            continue  # of another family; a directory may hold a thousand
        path = live.parent / entry.name
        if family(path) != live:
            continue
        try:
            status = entry.stat()
        except OSError:
            continue  # gone between the two looks
        found[path] = (status.st_dev, status.st_ino)
    return found


def _settled_names(live: Path) -> dict[Path, tuple[int, int]]:
    """All files of the family, oldest first, seen when no rotation was under way."""
    before = _names(live)
    if before.keys() == {live}:
        return before  # never rotated; should it be just now, its inode will tell
    for _ in range(_LOOKS):
        time.sleep(_SETTLED_S)
        now = _names(live)
        if now == before:
            break
        before = now
    # While gzip works, the whole file stands beside the unfinished .gz: the whole one counts.
    plain = {path for path in before if path.suffix not in {".gz", ".xz", ".zst", ".bz2"}}
    names = (path for path in before if path in plain or path.with_suffix("") not in plain)
    return {path: before[path] for path in oldest_first(names)}


class _Moved(Exception):
    """A name does not lead to the file that it led to a moment ago."""


def find_siblings(live: Path, known: Known) -> list[Sibling]:
    """The log's rotated files and the log itself, oldest first; the caller closes them.

    Files that cannot be read now or hold no text are passed over, and that is logged.
    """
    opened: list[Opened] = []
    for _ in range(_LOOKS):
        try:
            _open_all(_settled_names(live), opened)
            break
        except _Moved:
            for one in opened:
                one.close()
            opened = []
    looked_at = (_look_at(one, known) for one in opened)
    return [sibling for sibling in looked_at if sibling is not None]


def _open_all(names: dict[Path, tuple[int, int]], opened: list[Opened]) -> None:
    for path, inode in names.items():
        try:
            opened.append(Opened(path))
        except FileNotFoundError:
            raise _Moved from None
        except (OSError, BadInput) as error:
            _passed_over(path, str(error))
            continue
        if opened[-1].inode != inode:
            raise _Moved


def _look_at(opened: Opened, known: Known) -> Sibling | None:
    try:
        head = opened.head()
        place = known.find(head, opened.before) if head else None
    except BadInput as error:
        _passed_over(opened.path, str(error))
        opened.close()
        return None
    if is_binary(head):
        _passed_over(opened.path, "binary: not a log")
        opened.close()
        return None
    return Sibling(opened, head, place, opened.modified())


def _passed_over(path: Path, reason: str) -> None:
    logs.logger("producer").warning("a file is passed over", path=str(path), reason=reason)


class Candidate(NamedTuple):
    """What counts for the decision whether a file is read."""

    known: bool
    """It was read before, or is being read."""
    unread: bool
    """Known, and text stands behind the place where reading stopped."""
    wanted: bool
    """The user asked for it."""
    modified: int


class Past(NamedTuple):
    """What is known of the log from before."""

    modified: int
    """When the file that was read last was written last; microseconds since 1970."""
    is_lost: bool
    """What stood in it behind our place cannot be read any more, if nothing known is found."""


class Plan(NamedTuple):
    """Which files to read, by index, in order."""

    read: list[int]
    lost: bool
    """Lines may be missing before these."""


def plan(candidates: Sequence[Candidate], past: Past | None) -> Plan:
    """Which files come next.

    Known files go on where they stand; all after the newest known one are new. When none is known
    any more, those written since are new. What is older and unknown was not wanted then either.

    Args:
        candidates: the files of a log, oldest first.
        past: None: this log was never followed.
    """
    known = [index for index, one in enumerate(candidates) if one.known]
    if known:
        # The newest one may be written on, even by a name that says it is rotated.
        unread = [index for index in known if candidates[index].unread or index == known[-1]]
        return Plan([*unread, *range(known[-1] + 1, len(candidates))], lost=False)
    if past is None:
        return Plan([index for index, one in enumerate(candidates) if one.wanted], lost=False)
    since = [index for index, one in enumerate(candidates) if one.modified >= past.modified]
    return Plan(since, lost=past.is_lost)


def has_more(sibling: Sibling) -> bool:
    """Whether text stands behind the place of a file that was read before."""
    if sibling.place is None or sibling.place.position.gone:
        return False
    offset = sibling.place.position.offset
    if sibling.opened.compression is None:
        return sibling.opened.size() > offset
    with sibling.opened.text(offset) as file:
        try:
            return file.read(1) != b""
        except Damaged:
            return True  # said when it is read
