"""`posttrail watch`: the whole posttrail as metrics, for alerts."""

import typer

from posttrail import config, logs, metrics_server
from posttrail.errors import BadSettings
from posttrail.service import Reload, stop_on_signals


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
    stopping = stop_on_signals()
    reload = Reload(stopping)
    watching = Watch(settings)
    server = metrics_server.serve(settings.metrics, watching.health)
    try:
        watching.run(stopping)
    finally:
        if server is not None:
            server.close()
    reload.begin_anew_if_asked()
