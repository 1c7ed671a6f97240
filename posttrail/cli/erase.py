"""`posttrail erase ADDRESS`: a person's traces out of the tables, and a word about what is left."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from posttrail import config, topic_admin
from posttrail.cli.given import given
from posttrail.config import Settings
from posttrail.errors import PosttrailError, Stop
from posttrail.topics import DAY_MS, DEAD, DELIVERIES, EVENTS, RAW

_HOLDING = (RAW, DELIVERIES, DEAD, EVENTS)
"""Topics whose records may name a person."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(erase)


def erase(
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="As local-part@domain; - reads a line of stdin."),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show how many rows it concerns.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person from all tables; run it as the owner of the tables.

    What Kafka holds stays there until its retention; the last date is shown. Older lines about the
    person make no rows from then on, in a replay either.
    """
    from posttrail_sinks.erase import checked
    from posttrail_sinks.erase import erase as from_tables

    settings, console = config.load(), Console(highlight=False)
    dsn, kept = config.dsn(settings), retention(settings)
    gone_by = datetime.now(UTC) + max(kept.values())
    address = checked(given(address))
    _show(from_tables(dsn, address, gone_by, dry_run=True), console)
    _tell(kept, console)
    if dry_run:
        console.print("Nothing was changed.")
        return
    if not yes and not typer.confirm("Erase them for good?"):
        raise Stop("nothing was erased")
    counts = from_tables(dsn, address, gone_by, dry_run=False)
    console.print(f"Erased: {sum(counts.values())} rows.")


def retention(settings: Settings) -> dict[str, timedelta]:
    """How long each topic keeps a record; as declared where Kafka does not say."""
    declared = {
        topic.full_name(settings.kafka.prefix): int(topic.config["retention.ms"])
        for topic in _HOLDING
    }
    try:
        found = {one.name: one for one in topic_admin.verify(settings, _HOLDING)}
    except PosttrailError:
        found = {}
    for name, one in found.items():
        if "retention.ms" in one.differs:
            declared[name] = int(one.differs["retention.ms"][1])
    return {name: timedelta(milliseconds=_bounded(ms)) for name, ms in declared.items()}


def _bounded(milliseconds: int) -> int:
    """-1 is for ever; a date must be said."""
    century = 36_525 * DAY_MS
    return century if milliseconds < 0 else min(milliseconds, century)


def _show(counts: dict[str, int], console: Console) -> None:
    grid = Table.grid(padding=(0, 2))
    for table, rows in counts.items():
        grid.add_row(table, f"{rows} rows")
    console.print(grid)


def _tell(kept: dict[str, timedelta], console: Console) -> None:
    now = datetime.now(UTC)
    for topic, period in kept.items():
        console.print(f"{topic} holds lines up to now until {now + period:%Y-%m-%d}.")
    console.print("Backups and the hosts' own logs are not touched.")
