"""A worker as a program: signals, its metrics, the reload. Knows no stage."""

import gc
from collections.abc import Callable
from threading import Event
from typing import Protocol

from posttrail import metrics_server
from posttrail.config import Settings
from posttrail.metrics_server import Health
from posttrail.service import Reload, stop_on_signals

COLLECT_AFTER = 50_000
"""Python looks for cycles of garbage after so many new objects, by default after 700. A batch is
tens of thousands of objects and no cycle: a fifth of a sink's time went into looking."""


class Worker(Protocol):
    """What works until it is told to stop."""

    def health(self) -> Health: ...  # noqa: D102
    def run(self, stopping: Event) -> object: ...  # noqa: D102


def collect_rarely() -> None:
    """Look for cycles of garbage now and then, and never in what the program is made of."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def run(settings: Settings, make: Callable[[], Worker]) -> None:
    """Make a worker and let it work until SIGTERM or Ctrl-C; after SIGHUP begin anew."""
    stopping = stop_on_signals()
    reload = Reload(stopping)
    worker = make()
    collect_rarely()
    server = metrics_server.serve(settings.metrics, worker.health)
    try:
        worker.run(stopping)
    finally:
        if server is not None:
            server.close()
    reload.begin_anew_if_asked()
