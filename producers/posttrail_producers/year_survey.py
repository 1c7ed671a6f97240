"""Reads ahead in a log for its year, and refuses a year that cannot be right."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from posttrail import years
from posttrail.carriers import Head, Stamp, split
from posttrail.errors import BadInput
from posttrail.identity import SECOND
from posttrail.textfiles import TextFile
from posttrail_producers.lines import Lines

YEARS = range(1970, 2201)
"""What --year may say."""
_ALL = 1 << 30


def _head(line: bytes) -> Head | None:
    return split(line.decode("utf-8", "surrogateescape"), frozenset())


def _lines_of(file: TextFile) -> Iterator[bytes]:
    lines = Lines()
    while block := file.read():
        lines.feed(block)
        yield from lines.take(_ALL).lines


def _telling_heads(lines: Iterable[bytes]) -> Iterator[Head]:
    """Heads of the lines that can say anything new of the time: another stamp, or a new mail."""
    before = b""
    for line in lines:
        stamp = line[:15]  # as long as a BSD stamp
        if stamp == before and b": client=" not in line and b": uid=" not in line:
            continue
        before = stamp
        if (head := _head(line)) is not None:
            yield head


def survey(file: TextFile, modified: int) -> tuple[int, years.Source]:
    """The year of the first line from where the file stands, and what told it.

    `modified`: when the file was written last, microseconds since 1970 UTC.

    Raises:
        posttrail.textfiles.Damaged: before a line told the year.
    """
    return years.first_year(_telling_heads(_lines_of(file)), modified)


def _first_yearless(block: bytes) -> Stamp | None:
    heads = (_head(line) for line in block.split(b"\n"))
    stamps = (head.stamp for head in heads if head is not None and head.stamp is not None)
    return next((stamp for stamp in stamps if stamp.year is None), None)


def refuse_odd_year(year: int | None) -> None:
    """Look at the number alone.

    Raises:
        BadInput: no log can be of this year.
    """
    if year is not None and year not in YEARS:
        raise BadInput(f"--year {year}: say the year of the first line, such as 2019")


def refuse_wrong_year(block: bytes, path: Path, year: int, modified: int) -> None:
    """Look at the first lines.

    Raises:
        BadInput: the first line cannot be of this year.
    """
    refuse_odd_year(year)
    stamp = _first_yearless(block)
    if stamp is None:
        return
    if not years.exists(stamp, year):
        raise BadInput(f"--year {year}: {path} begins on a 29th of February, {year} has none")
    latest = years.latest_year(stamp, modified)
    if year > latest:
        day = datetime.fromtimestamp(modified // SECOND, UTC).date()
        raise BadInput(
            f"--year {year}: {path} was written last on {day}, "
            f"so its first line is of {latest} at the latest"
        )
