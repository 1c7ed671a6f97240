"""Runs one worker: waits for the broker and the topics, starts Faust, ends in good order."""

import asyncio
import logging
import signal
import sys
from typing import Any, NoReturn

import faust
import tenacity

from posttrail import config, kafka_rights, kafka_rules, metrics_server, service, topics
from posttrail.config import Settings
from posttrail.errors import Exit, Refused, Unreachable
from posttrail.logs import logger
from posttrail.metrics_server import Health
from posttrail.topic_admin import require
from posttrail_processors.app import App, make
from posttrail_processors.broker_view import BrokerView
from posttrail_processors.reading import reader_of
from posttrail_processors.watchdog import Watchdog

WAITING = Health(live=True, ready=False, reason="waits for Kafka")

log = logger("process")


class Worker(faust.Worker):
    """Faust's worker without its own logging, its spinner and its renaming of the process."""

    def __init__(self, app: App, watchdog: Watchdog, **kwargs: Any) -> None:
        super().__init__(app, override_logging=False, quiet=True, **kwargs)
        self.spinner = None  # it would set the root logger to DEBUG
        self._watchdog = watchdog

    async def on_startup_finished(self) -> None:
        """Called by Faust once lines flow."""
        log.info("ready")
        service.ready()
        self.add_future(self._show_life())

    async def _show_life(self) -> None:
        """From the event loop itself: one that is blocked falls silent."""
        while not self.should_stop:
            service.alive()
            await asyncio.sleep(1)

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        log.info("stopping", signal=signal.name)
        service.stopping()
        self._watchdog.stopping(Exit.OK)
        super()._schedule_shutdown(signal)

    def on_worker_shutdown(self) -> None:
        """Called by Faust when the worker ends, also when it crashed."""
        self._watchdog.stopping(Exit.FAILED)

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        pass


def run(settings: Settings) -> NoReturn:
    """Process until SIGTERM or SIGINT.

    Raises:
        SystemExit: always; OK after a signal, FAILED when it should be started anew.
        posttrail.errors.NotReady: a topic is missing.
        posttrail.errors.Unreachable: no broker is set and no embedded one runs, or it refuses us.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.OK))  # until Faust takes over
    watched: list[Watchdog] = []
    metrics_server.serve(settings.metrics, lambda: watched[0].health() if watched else WAITING)
    wait_for_topics(settings)
    quiet_libraries(settings)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = make(settings, reader_of(settings.processor))
    watchdog = Watchdog(
        BrokerView(settings),
        app.positions,
        app.progress,
        settings.processor.stall_seconds,
    )
    watched.append(watchdog)
    watchdog.start()
    Worker(app, watchdog, loop=loop).execute_from_commandline()
    raise SystemExit(Exit.FAILED)


def quiet_libraries(settings: Settings) -> None:
    """Of a broker that is away aiokafka says the same sixty times a second, and Faust's timer that
    each commit takes long; we say it once."""
    if settings.logs.level != "debug":
        for name in ("aiokafka", "mode.timers"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def wait_for_topics(settings: Settings) -> None:
    """Return once the broker answers and has the topics; units may start in any order.

    Raises:
        posttrail.errors.NotReady: the broker answers and a topic is missing or not as declared.
        posttrail.errors.Unreachable: no broker is set and no embedded one runs.
        posttrail.errors.Refused: the broker is there and does not let us in, or not do our work.
    """
    config.bootstrap(settings)
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=tenacity.wait_exponential(0.5, max=10),
        before_sleep=lambda state: log.warning("waiting for Kafka", why=str(_error(state))),
    ):
        with attempt:
            require(settings, topics.RAW, topics.DELIVERIES, topics.DEAD)
            kafka_rights.require(settings, kafka_rules.of_processor(settings))


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Unreachable) and not isinstance(error, Refused)


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
