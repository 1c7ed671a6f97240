"""`posttrail produce journal`: follow systemd's journal."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from posttrail import config, logs
from posttrail.cli.produce import produce, run_until_stopped
from posttrail.identity import SECOND

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"]


def register(app: typer.Typer) -> None:  # noqa: ARG001  # it belongs to `produce`
    """Add the command."""
    produce.command("journal")(produce_journal)


def produce_journal(
    directory: Annotated[
        Path | None,
        typer.Option(help="Directory of journal files, of other hosts too. Else this host's."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=_TIMES,
            help="Where to begin when this journal was never read; else with its oldest entry.",
        ),
    ] = None,
) -> None:
    """Load what the journal holds and follow it; goes on where it ended, each line once."""
    from posttrail_producers.journal_source import JournalSource

    given = {} if directory is None else {"producer": {"journal": {"directory": directory}}}
    settings = config.load(**given)
    logs.set_up(settings.logs)
    begin = 0 if since is None else int(since.timestamp() * SECOND)
    run_until_stopped(
        JournalSource(settings.producer.journal, settings.producer.host, begin), settings
    )
