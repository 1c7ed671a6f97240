"""`posttrail watch`: the whole posttrail as metrics, for alerts."""

import typer

from posttrail import config, logs
from posttrail.cli import worker
from posttrail.errors import BadSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(watch)


def watch() -> None:
    """Show lag, silent hosts, gaps and deferrals as metrics on metrics.port; one for all hosts.

    Only reads: role posttrail_reader is enough. docs/alerts.md says what becomes an alert.
    """
    from posttrail_answers.watch import Watch

    settings = config.load()
    logs.set_up(settings.logs)
    if settings.metrics.port is None:
        raise BadSettings("metrics.port is not set: nobody could see what `posttrail watch` finds")
    worker.run(settings, lambda: Watch(settings))
