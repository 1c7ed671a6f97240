"""A sink in a process of its own that ends itself by a signal at a named step."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import psycopg2
from confluent_kafka import Consumer
from posttrail_sinks import consumer
from posttrail_sinks.consumer import Sink, consumer_config
from posttrail_sinks.database import Connection, Cursor
from posttrail_sinks.dead_letters import DeadLetters
from posttrail_sinks.landing import Store
from posttrail_sinks.writer import Writer

from posttrail import config, logs
from posttrail.config import Settings
from posttrail.records import AnyFact

STEPS = ("before COPY", "in COPY", "before COMMIT", "after COMMIT", "before the Kafka commit")


class RealAndCounting(Writer):
    """Writes the real rows, and beside them one row per fact that shows what lands twice."""

    def prepare(self, facts: Sequence[AnyFact]) -> Any:  # type: ignore[override]
        given = list(facts)
        return super().prepare(given), [getattr(fact, "queue_id", "none") for fact in given]

    def write(self, cursor: Cursor, batch: Any) -> Any:
        prepared, names = batch
        written = super().write(cursor, prepared)
        cursor.execute("INSERT INTO landed SELECT unnest(%s)", (names,))
        return written


class Fate:
    """Ends this process by a signal when it comes to a step for the nth time."""

    def __init__(self, step: str, number: signal.Signals, nth: int) -> None:
        self._step, self._number, self._left = step, number, nth
        self.lands = False

    def reached(self, step: str) -> None:
        if step != self._step:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._number)


class HalfRead:
    """A stream that reaches the step after its first half."""

    def __init__(self, stream: Any, fate: Fate) -> None:
        self._data = stream.read()
        self._fate = fate
        self._reads = 0

    def read(self, _: int) -> bytes:
        self._reads += 1
        half = len(self._data) // 2
        if self._reads == 1:
            return bytes(self._data[:half])
        if self._reads == 2:
            self._fate.reached("in COPY")
            return bytes(self._data[half:])
        return b""


def _fated_connection(fate: Fate) -> type[Connection]:
    class FatedCursor(psycopg2.extensions.cursor):
        def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
            fate.reached("before COPY")
            super().copy_expert(sql, cast("Any", HalfRead(file, fate)), size)

    class FatedConnection(psycopg2.extensions.connection):
        def cursor(self, *given: Any, **named: Any) -> Any:
            return super().cursor(*given, cursor_factory=FatedCursor, **named)

        def commit(self) -> None:
            lands, fate.lands = fate.lands, False
            if lands:
                fate.reached("before COMMIT")
            super().commit()
            if lands:
                fate.reached("after COMMIT")

    return FatedConnection


def work(given: dict[str, Any], step: str, number: signal.Signals, nth: int, said: str) -> None:
    """A sink that meets its fate, or ends by SIGTERM."""
    log = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    fate = Fate(step, number, nth)

    class FatedWriter(RealAndCounting):
        def write(self, cursor: Cursor, batch: Any) -> Any:
            fate.lands = True
            return super().write(cursor, batch)

    class FatedConsumer(Consumer):  # type: ignore[misc]  # confluent_kafka has no types
        def commit(self, *args: Any, **named: Any) -> Any:
            fate.reached("before the Kafka commit")
            return super().commit(*args, **named)

    connect, factory = psycopg2.connect, _fated_connection(fate)

    def fated_connect(**named: Any) -> Any:
        return connect(connection_factory=factory, **named)

    def quickly_back(settings: Settings) -> dict[str, Any]:
        """A member with a name takes its own place in the group again, without a time-out."""
        return consumer_config(settings) | {"group.instance.id": "dying"}

    settings = config.load(**given)
    logs.set_up(settings.logs)
    writer = FatedWriter()
    store = Store(config.dsn(settings), writer, DeadLetters(settings).send, lambda _: None)
    with (
        patch.object(psycopg2, "connect", fated_connect),
        patch.object(consumer, "Consumer", FatedConsumer),
        patch.object(consumer, "consumer_config", quickly_back),
    ):
        Sink(settings, writer, store).run(stopping)
    sys.exit(0)


@contextmanager
def dying_sink(
    settings: Settings, step: str, number: signal.Signals, nth: int, said: Path
) -> Iterator[ForkServerProcess]:
    """Start it; killed at the end of the block if it still lives."""
    given = {
        "kafka": settings.kafka.model_dump(),
        "postgres": {"dsn": settings.postgres.dsn.get_secret_value()},
        "sink": settings.sink.model_dump(),
    }
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=work, args=(given, step, number, nth, str(said)))
    with closing(process):
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join(10)
