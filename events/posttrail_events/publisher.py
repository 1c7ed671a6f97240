"""Publishes states: batch after batch in a Kafka transaction each, one worker at a time.

Two fences keep an old state from coming after a newer one. A lock in PostgreSQL tells who
publishes; it dies with its session. A worker that lost it without knowing, frozen perhaps, still
holds old states: the next one fences it by the transactional id before it reads. Marks are crossed
off after the commit, so a crash between the two publishes a state twice and never loses one.
"""

import contextlib
import logging
import random
import time
from collections.abc import Iterator
from threading import Event

from confluent_kafka import KafkaException, Producer

from posttrail import (
    config,
    kafka_clients,
    kafka_rights,
    kafka_rules,
    metrics,
    service,
    topic_admin,
)
from posttrail.config import Settings
from posttrail.errors import Retry, Unreachable
from posttrail.logs import logger
from posttrail.metrics_server import Health
from posttrail.topics import EVENTS
from posttrail_events import states
from posttrail_events.database import Connection, connect

STAGE = "events"
STUCK_S = 60.0
"""A loop that has not turned for so long is stuck."""
TURN_S = 0.3
"""How often somebody who has nothing to do looks again."""
ANSWER_S = 15.0
LONGEST_PAUSE_S = 10.0
# What matters is raised. log_level alone does not silence a fatal error, such as a fence.
_silent = logging.getLogger("posttrail.librdkafka.events")
_silent.setLevel(logging.CRITICAL + 1)


class Publisher:
    """One worker; any number may run, and one of them publishes."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet."""
        self._settings = settings
        self._topic = EVENTS.full_name(settings.kafka.prefix)
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._reason: str | None = None
        self._published = 0
        self._turned = time.monotonic()
        self._say = logger(STAGE)

    def health(self) -> Health:
        """For probes, from any thread."""
        return Health(
            live=time.monotonic() - self._turned < STUCK_S,
            ready=self._reason is None,
            reason=self._reason or "",
            detail={"publishes": self._producer is not None, "published": self._published},
        )

    def run(self, stopping: Event) -> None:
        """Publish until told to stop.

        Raises:
            Unreachable: at the start, Kafka or PostgreSQL is not there; later, one refuses us.
            NotReady: the topic or the schema is missing, or events are switched off.
        """
        topic_admin.require(self._settings, EVENTS)
        kafka_rights.require(self._settings, kafka_rules.of_events(self._settings))
        try:
            states.require_on(self._connected())
        except Retry as error:
            raise Unreachable(str(error)) from None
        service.ready()
        failures = 0
        while not stopping.is_set():
            self._turned = time.monotonic()
            service.alive()
            pause, failures = self._try(failures)
            stopping.wait(pause)
        service.stopping()
        self._close()

    def _try(self, failures: int) -> tuple[float, int]:
        """One turn; seconds until the next, and how many have failed in a row."""
        try:
            more = self._turn()
        except Retry as error:
            self._begins(error)
            self._close()
            longest = min(LONGEST_PAUSE_S, TURN_S * 2.0 ** min(failures, 16))
            return longest * random.uniform(0.5, 1), failures + 1  # noqa: S311  # no secret
        if self._reason is not None:
            self._say.info("events go on")
            self._reason = None
        return (0.0 if more else TURN_S), 0

    def _turn(self) -> bool:
        """Publish a batch; whether more may wait."""
        connection = self._connected()
        if self._producer is None and not self._take_over(connection):
            return False
        batch = states.changed(connection)
        metrics.EVENTS_BEHIND.set(batch.behind_s)
        if not batch.ids:
            return False
        self._publish(batch)
        states.told(connection, batch)
        return len(batch.ids) == states.BATCH

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connect(config.dsn(self._settings))
        return self._connection

    def _take_over(self, connection: Connection) -> bool:
        """Become the one who publishes, if nobody else is; fences whoever was."""
        if not states.is_first(connection):
            return False
        states.require_on(connection)
        producer = Producer(_config(self._settings), logger=_silent)
        with _understood():
            producer.init_transactions(ANSWER_S)
        self._producer = producer
        self._say.info("this worker publishes", topic=self._topic)
        return True

    def _publish(self, batch: states.Batch) -> None:
        assert self._producer is not None
        with _understood():
            self._producer.begin_transaction()
            for state in batch.states:
                self._producer.produce(self._topic, state.value, state.key)
            self._producer.commit_transaction(ANSWER_S)
        gone = sum(state.value is None for state in batch.states)
        metrics.EVENTS_PUBLISHED.labels("state").inc(len(batch.states) - gone)
        metrics.EVENTS_PUBLISHED.labels("gone").inc(gone)
        self._published += len(batch.states)

    def _begins(self, error: Retry) -> None:
        metrics.EVENTS_RETRIES.inc()
        metrics.failed(STAGE)
        if self._reason != str(error):
            self._reason = str(error)
            self._say.warning("events wait, trying again", error=self._reason)

    def _close(self) -> None:
        """Give up the lock and what is not committed."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _config(settings: Settings) -> dict[str, str | int | float | bool]:
    return {
        **kafka_clients.base(settings, "events"),
        "transactional.id": settings.kafka.prefix + kafka_rules.EVENTS_ID,
        "transaction.timeout.ms": 30_000,
        "compression.type": "lz4",
        "linger.ms": 5,
        # A batch of marks may be more states: all recipients of its mails.
        "queue.buffering.max.messages": 0,
        "delivery.report.only.error": True,
        "log_level": 0,
    }


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Kafka's errors are all mended by a new client, which ends what the old one began."""
    try:
        yield
    except (KafkaException, BufferError) as error:
        said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise Retry(f"Kafka: {said}") from error
