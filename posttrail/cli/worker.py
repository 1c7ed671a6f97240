"""A worker as a program: signals, its metrics, the reload. Knows no stage."""

from collections.abc import Callable
from threading import Event
from typing import Protocol

from posttrail import metrics_server
from posttrail.config import Settings
from posttrail.metrics_server import Health
from posttrail.service import Reload, stop_on_signals


class Worker(Protocol):
    """What works until it is told to stop."""

    def health(self) -> Health: ...  # noqa: D102
    def run(self, stopping: Event) -> object: ...  # noqa: D102


def run(settings: Settings, make: Callable[[], Worker]) -> None:
    """Make a worker and let it work until SIGTERM or Ctrl-C; after SIGHUP begin anew."""
    stopping = stop_on_signals()
    reload = Reload(stopping)
    worker = make()
    server = metrics_server.serve(settings.metrics, worker.health)
    try:
        worker.run(stopping)
    finally:
        if server is not None:
            server.close()
    reload.begin_anew_if_asked()
