"""`posttrail parse`: what the parser makes of each line, as JSON. Needs no server."""

import io
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import msgspec
import typer

from posttrail.config import Producer
from posttrail.identity import SECOND
from posttrail.records import AnyFact, LineClass
from posttrail.stamps import Stamps, State, zone_named
from posttrail.textfiles import TextFile, open_text

if TYPE_CHECKING:
    from posttrail_processors.lines import Outcome, Rules
    from posttrail_producers.canonical import Canonical

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 10_000


class ParsedLine(msgspec.Struct, kw_only=True):
    """One object of the output: design and order of its keys."""

    line: int
    """From 1 on."""
    cls: LineClass = msgspec.field(name="class")
    t: str | None = None
    """RFC 3339, UTC."""
    host: str | None = None
    instance: str | None = None
    service: str | None = None
    component: str | None = None
    pid: int | None = None
    queue_id: str | None = None
    action: str
    facts: tuple[AnyFact, ...] = ()
    errors: tuple[str, ...] = ()
    """What cannot be used, and why a line is dead."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(parse)


def parse(
    file: Annotated[
        Path | None,
        typer.Argument(help="A log, plain or .gz, .xz, .zst, .bz2; none or -: standard input."),
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Year of the first line, where stamps have none.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Zone of stamps without one: Europe/Berlin. Else the host's.")
    ] = None,
    verp_marker: Annotated[
        str, typer.Option(help="What separates the VERP id from the sender.")
    ] = "",
) -> None:
    """Print what each line becomes: one JSON object for each line, none is dropped."""
    from posttrail_processors.lines import Rules

    stamps = Stamps(
        State(),
        None if zone is None else zone_named(zone),
        zone_given=zone is not None,
        year_given=year is not None,
    )
    path = None if file is None or str(file) == "-" else file
    try:
        _print_all(_Log(path, year), stamps, Rules(verp_marker=verp_marker))
        sys.stdout.flush()
    except BrokenPipeError:  # `posttrail parse … | head`: what is asked for has been said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Log:
    """A log file or standard input, as chunks of lines, and the year of its first line."""

    def __init__(self, path: Path | None, year: int | None) -> None:
        self._path = path
        self._year = year
        self._chunk: list[bytes] = []

    def _open(self) -> TextFile:
        if self._path is not None:
            return open_text(self._path)
        stdin = io.FileIO(sys.stdin.fileno(), closefd=False)
        return TextFile(cast("BinaryIO", stdin), "standard input")

    def chunks(self) -> Iterator[list[bytes]]:
        """All lines; the rest after the last newline is one."""
        from posttrail_producers.lines import Lines

        lines = Lines()
        with self._open() as text:
            while block := text.read():
                lines.feed(block)
                while lines.waiting:
                    self._chunk = lines.take(_AT_ONCE).lines
                    yield self._chunk
        self._chunk = lines.take_rest().lines
        yield self._chunk

    def year(self) -> int:
        """As said, else as the lines say, else by the file's time; of standard input, now."""
        from posttrail_producers.year_survey import survey

        if self._year is not None:
            return self._year
        if self._path is not None:
            with open_text(self._path) as text:
                return survey(text, self._path.stat().st_mtime_ns // 1000)[0]
        return _year_of(self._chunk)


def _year_of(lines: list[bytes]) -> int:
    """Of lines that can be read but once, the first ones must do."""
    from posttrail import carriers, years

    heads = (carriers.split(line.decode("utf-8", "surrogateescape")) for line in lines)
    now = int(time.time() * SECOND)
    return years.first_year((head for head in heads if head is not None), now)[0]


def _print_all(log: _Log, stamps: Stamps, rules: "Rules") -> None:
    from posttrail_producers.canonical import Canonical

    canonical = Canonical(stamps, Producer().host, log.year)
    number = 0
    for chunk in log.chunks():
        said = [msgspec.json.encode(parsed) for parsed in _parsed(chunk, number, canonical, rules)]
        number += len(said)
        if said:
            sys.stdout.buffer.write(b"\n".join(said) + b"\n")


def _parsed(
    lines: list[bytes], before: int, canonical: "Canonical", rules: "Rules"
) -> Iterator[ParsedLine]:
    from posttrail_processors.lines import read_line

    for offset, (_, line) in enumerate(canonical.records(lines), before):
        yield _shown(offset + 1, read_line(line, (0, offset), rules))


def _shown(number: int, outcome: "Outcome") -> ParsedLine:
    reasons = () if outcome.reason is None else (outcome.reason,)
    parsed = outcome.parsed
    if parsed is None:
        action = "unknown" if outcome.cls == "dead" else "foreign"
        return ParsedLine(line=number, cls=outcome.cls, action=action, errors=reasons)
    return ParsedLine(
        line=number,
        cls=outcome.cls,
        t=None if parsed.t is None else _rfc3339(parsed.t),
        host=parsed.host,
        instance=parsed.instance,
        service=parsed.service,
        component=parsed.component,
        pid=parsed.pid,
        queue_id=parsed.queue_id,
        action=parsed.action,
        facts=outcome.facts,
        errors=(*parsed.errors, *reasons),
    )


def _rfc3339(t: int) -> str:
    return (_EPOCH + timedelta(microseconds=t)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
