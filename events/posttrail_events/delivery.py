"""One target's events, from Kafka to its URL: in order, each at least once.

A target has a consumer group of its own: it stands where it stands, and one that is away holds up
nobody else. The offset moves on after the target's answer, or after the dead letter. While it waits
between two tries it goes on to serve the group, with its partitions paused.
"""

import time
from collections import deque
from threading import Event
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from posttrail import metrics
from posttrail.config import Settings
from posttrail.delivery_events import state_id
from posttrail.errors import Poison, Retry, Stop
from posttrail.kafka_clients import base
from posttrail.logs import logger
from posttrail.topics import EVENTS
from posttrail.webhook_settings import Target
from posttrail_events.dead_letters import DeadLetters
from posttrail_events.posting import Poster

STAGE = "webhook"
TURN_S = 0.2
FIRST_PAUSE_S = 0.5
BURY_PAUSE_S = 2.0


class _Left(Exception):  # no error: another worker has the partition, or we end
    """The record in hand is no longer ours to deliver."""


class _Sender(msgspec.Struct):
    """What decides where an event goes."""

    sender: str | None = None


_decode = msgspec.json.Decoder(_Sender).decode


class Delivery:
    """One target, in a thread of its own."""

    def __init__(self, settings: Settings, target: Target, stopping: Event) -> None:
        """Connects nothing yet.

        Raises:
            BadSettings: the target's secret cannot be read.
        """
        self.name = target.name
        self.turned = time.monotonic()
        self.taken = 0
        self.trouble: str | None = None
        self.failure: BaseException | None = None
        self._settings = settings
        self._target = target
        self._stopping = stopping
        self._poster = Poster(target, settings.webhooks.timeout_seconds)
        self._dead = DeadLetters(settings)
        self._early: deque[Message] = deque()
        """What came although its partition was paused."""
        self._lost: set[int] = set()
        self._say = logger(STAGE).bind(target=target.name)
        self._consumer: Any = None

    def run(self) -> None:
        """Deliver until told to stop; an error that ends it stands in `failure` then."""
        try:
            self._consumer = Consumer(self._config() | {"error_cb": self._heard})
            self._consumer.subscribe(
                [EVENTS.full_name(self._settings.kafka.prefix)],
                on_revoke=self._on_gone,
                on_lost=self._on_gone,
            )
            while not self._stopping.is_set():
                self._turn()
        except Exception as error:  # noqa: BLE001  # the main thread ends with it
            self.failure = error
        finally:
            if self._consumer is not None:
                self._consumer.close()  # commits what is stored
            self._poster.close()

    def _config(self) -> dict[str, Any]:
        return base(self._settings, "webhooks") | {
            "group.id": self._settings.kafka.prefix
            + self._settings.webhooks.group_of(self._target),
            "enable.auto.commit": True,
            "auto.commit.interval.ms": 1000,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 6000,  # a dead worker's partitions move on within seconds
            "heartbeat.interval.ms": 1500,
            "queued.max.messages.kbytes": 4096,
            "log_level": 0,
        }

    def _turn(self) -> None:
        self.turned = time.monotonic()
        message = self._early.popleft() if self._early else self._consumer.poll(TURN_S)
        if message is None:
            return
        if message.error() is not None:
            self._heard(message.error())
            return
        try:
            self._deal_with(message)
        except _Left:
            return
        self._consumer.store_offsets(message=message)

    def _deal_with(self, message: Message) -> None:
        """Deliver or bury it, if it is for this target.

        Raises:
            _Left: it stays undone, for whoever has the partition next.
        """
        self._lost.discard(message.partition() or 0)
        try:
            if self._is_ours(message.value()):
                self._deliver(message)
        except (Poison, Retry) as error:
            self._bury(message, str(error))

    def _is_ours(self, value: bytes | None) -> bool:
        """A row that is gone has no sender any more and is nobody's."""
        if value is None:
            return False
        try:
            sender = _decode(value).sender
        except msgspec.DecodeError:
            raise Poison("not an event") from None
        _, at, domain = (sender or "").rpartition("@")
        return bool(at) and domain.lower() in self._target.domains

    def _deliver(self, message: Message) -> None:
        value, key = message.value() or b"", message.key() or b""
        trying = Retrying(
            stop=stop_after_attempt(self._settings.webhooks.tries),
            wait=wait_random_exponential(
                FIRST_PAUSE_S, max=self._settings.webhooks.longest_pause_seconds
            ),
            retry=retry_if_exception_type(Retry),
            before_sleep=self._failed,
            sleep=lambda seconds: self._pause(seconds, message),
            reraise=True,
        )
        trying(self._poster.post, value, state_id(key, value))
        self.taken += 1
        metrics.WEBHOOK_SENT.labels(self.name).inc()
        if self.trouble is not None:
            self._say.info("the target takes events again")
            self.trouble = None

    def _failed(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        metrics.WEBHOOK_RETRIES.labels(self.name).inc()
        metrics.failed(STAGE)
        if self.trouble is None:
            self._say.warning("a target does not take events, trying again", reason=str(error))
        self.trouble = str(error)

    def _bury(self, message: Message, reason: str) -> None:
        while True:
            try:
                self._dead.send(message, f"target {self.name}: {reason}")
            except Retry as error:
                self.trouble = str(error)
                self._pause(BURY_PAUSE_S, message)
            else:
                break
        metrics.WEBHOOK_DEAD.labels(self.name).inc()
        self._say.warning("an event went to the dead letters", reason=reason)

    def _pause(self, seconds: float, message: Message) -> None:
        """Wait and serve the group, which may take the partition away meanwhile."""
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                self.turned = time.monotonic()
                self._consumer.pause(self._consumer.assignment())
                early = self._consumer.poll(min(TURN_S, left))
                if early is not None and early.error() is None:
                    self._early.append(early)
                if self._stopping.is_set() or message.partition() in self._lost:
                    raise _Left
        finally:
            self._consumer.resume(self._consumer.assignment())

    def _on_gone(self, _: Any, places: list[Any]) -> None:
        gone = {place.partition for place in places}
        self._lost |= gone
        self._early = deque(one for one in self._early if one.partition() not in gone)

    def _heard(self, error: KafkaError) -> None:
        """What librdkafka mends by itself is no news; rights do not mend themselves."""
        if error.fatal() or error.name().endswith("AUTHORIZATION_FAILED"):
            raise Stop(f"Kafka: {error.str()}")
