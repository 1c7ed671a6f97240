"""`posttrail process`: one processor, as a program that a supervisor runs."""

import signal
import threading

import typer

from posttrail import config, logs
from posttrail.cli.worker import collect_rarely
from posttrail.service import Reload


class _Stop(threading.Event):
    """The worker stops by signal."""

    def set(self) -> None:
        super().set()
        signal.raise_signal(signal.SIGTERM)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(process)


def process() -> None:
    """Turn log lines into facts until stopped; start as many as you like.

    Waits for Kafka. Ends with 0 after SIGTERM or SIGINT, with 1 when it should be started anew.
    """
    from posttrail_processors.worker import run

    settings = config.load()
    logs.set_up(settings.logs)
    reload = Reload(_Stop())
    collect_rarely()
    try:
        run(settings)
    finally:
        reload.begin_anew_if_asked()
