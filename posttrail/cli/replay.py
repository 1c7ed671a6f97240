"""`posttrail replay`: what today's parser would make of lines that are in Kafka; and make it so.

The one place where the processors' parser and the sinks' tables meet.
"""

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrail import config, logs
from posttrail.config import Settings
from posttrail.records import Origin

if TYPE_CHECKING:
    from posttrail_sinks.replay_report import Change, Report, TableChanges
    from posttrail_sinks.replay_source import Derive, Derived

_WAIT_S = 60.0
"""How long the live stages may take to land what is in Kafka."""

_STYLES = {"added": "green", "changed": "yellow", "vanished": "red"}
_PLACE = (
    "RFC 3339: lines that came to Kafka at this time or later; "
    "a number: this offset of every partition of maillog.raw."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    since: Annotated[str, typer.Option(metavar="TIME|OFFSET", help=_PLACE)],
    until: Annotated[
        str | None, typer.Option(metavar="TIME|OFFSET", help="Up to there; else to the end.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show which rows would differ.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Derive rows anew with the parser of this version; running sinks go on meanwhile."""
    from posttrail_sinks.places import place
    from posttrail_sinks.replay import replay as derive_anew
    from posttrail_sinks.replay_source import Window

    settings = config.load()
    logs.set_up(settings.logs)
    window = Window(place(since), None if until is None else place(until))
    with _busy():
        report = derive_anew(settings, window, parser(settings), _idle(settings), dry_run=dry_run)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    else:
        _show(report, Console(highlight=False))


@contextmanager
def _busy() -> Any:
    with Console(stderr=True).status("deriving rows anew"):
        yield


def parser(settings: Settings) -> "Derive":
    """The parser of this version, with the rules of the settings."""
    from posttrail_processors.reading import reader_of
    from posttrail_sinks.replay_source import Derived

    read = reader_of(settings.processor)

    def derive(line: bytes, origin: Origin, received: int | None) -> "Derived":
        try:
            outcome = read(line, origin, received)
        except Exception:  # noqa: BLE001  # the processor makes a dead letter of it
            return Derived(None, None, ())
        parsed = outcome.parsed
        if parsed is None:
            return Derived(None, None, outcome.facts)
        return Derived(parsed.host, parsed.t, outcome.facts)

    return derive


def _idle(settings: Settings) -> Callable[[], None]:
    """Wait until the live stages have landed what is in Kafka: only then can rows be compared."""
    from posttrail_answers.standing import observing

    def wait() -> None:
        deadline = time.monotonic() + _WAIT_S
        with observing(settings) as observer:
            observer.wait_until_idle(lambda _: time.monotonic() > deadline)

    return wait


def _show(report: "Report", console: Console) -> None:
    done = "Swapped" if report.swapped else "Would swap"
    console.print(
        f"{report.lines} lines in the window, {report.facts} facts. {done} {report.total} rows."
    )
    if report.out_of_reach:
        console.print(f"{report.out_of_reach} mails left alone: some of their lines are gone.")
    if report.moving:
        console.print(f"{report.moving} rows left alone: lines for them came meanwhile.")
    if report.total:
        console.print(_counts(report))
    for name, changes in report.tables.items():
        for example in changes.examples:
            console.print(_example(name, example))


def _counts(report: "Report") -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("table")
    for kind in _STYLES:
        table.add_column(kind, justify="right")
    table.add_column("columns that change")
    for name, changes in report.tables.items():
        counts = (changes.added, changes.changed, changes.vanished)
        table.add_row(name, *(str(count) for count in counts), _columns(changes))
    return table


def _columns(changes: "TableChanges") -> str:
    return ", ".join(f"{name} ({count})" for name, count in changes.columns.items())


def _plain(value: Any) -> str:
    """A value out of a log is a stranger's: as JSON, which has no control characters."""
    return msgspec.json.encode(value).decode()


def _example(table: str, example: "Change") -> Text:
    key = " ".join(f"{name}={_plain(value)}" for name, value in example.key.items())
    text = Text(f"\n{example.kind} ", style=_STYLES[example.kind]).append(
        f"{table} {key}", style="bold"
    )
    for name, (old, new) in example.columns.items():
        shown = {
            "added": _plain(new),
            "vanished": _plain(old),
            "changed": f"{_plain(old)} -> {_plain(new)}",
        }[example.kind]
        text.append(f"\n  {name}: {shown}", style="not bold default")
    return text
