"""Whether the journal can be read at all: sd-journal shows what it may not read as nothing.

Knows files and their permissions, no entries.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from posttrail.errors import BadInput

PLACES = (Path("/var/log/journal"), Path("/run/log/journal"))
"""Where journald keeps its files (systemd-journald.service(8)): lasting, or until the next boot."""

CURE = "run as root or in its group: usermod -aG systemd-journal USER"

_machine_folder = re.compile(r"[0-9a-f]{32}").fullmatch


def refuse_closed(directory: Path | None) -> None:
    """Stop when entries are there that we would never see; an empty directory is fine.

    Raises:
        BadInput: no journal directory, or something in it may not be read; says the cure.
    """
    places = [directory] if directory else [place for place in PLACES if _is_directory(place)]
    if not places or not all(map(_is_directory, places)):
        raise BadInput(
            f"no journal: {directory or ' or '.join(map(str, PLACES))} is not a directory; "
            "does systemd-journald run here? `posttrail produce file` reads log files"
        )
    folders = [folder for place in places for folder in _folders(place)]
    if closed := next(_closed(folders), None):
        raise _refused(closed)


def _refused(closed: Path) -> BadInput:
    return BadInput(f"may not read {closed}: entries would be missing unsaid; {CURE}")


def _is_directory(place: Path) -> bool:
    try:
        return place.is_dir()
    except PermissionError:  # the directory above it is closed
        raise _refused(place) from None


def _folders(place: Path) -> Iterator[Path]:
    """The directory and those right below it that sd-journal reads: named by a machine id."""
    yield place
    yield from (found for found in place.glob("*") if _machine_folder(found.name))


def _closed(folders: list[Path]) -> Iterator[Path]:
    """What we may not read. Users' journals too: what sendmail(1) says to a user stands there."""
    for folder in folders:
        if _may_not(folder, os.R_OK | os.X_OK):
            yield folder
        yield from (file for file in folder.glob("*.journal*") if _may_not(file, os.R_OK))


def _may_not(path: Path, mode: int) -> bool:
    """A file that vanished meanwhile may be read: it is not there to be missed."""
    return not os.access(path, mode, effective_ids=True) and path.exists()
