"""Records that can never become rows go to `maillog.dead`, acknowledged before their offset moves.

A crash between the two sends a letter again; its origin headers tell that it is the same.
"""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException, Producer

from posttrail import dead_letters, topics
from posttrail.config import Settings
from posttrail.errors import Retry
from posttrail.kafka_clients import base
from posttrail_sinks.batches import Refused

TIMEOUT_S = 3.0
"""Shorter than the time a transaction may be idle (sql/session.sql): one waits for the broker."""


class DeadLetters:
    """Sends refused records and waits for the broker's word."""

    def __init__(self, settings: Settings) -> None:
        """Connects when the first letter is sent."""
        self._topic = topics.DEAD.full_name(settings.kafka.prefix)
        self._origin = topics.DELIVERIES.full_name(settings.kafka.prefix)
        self._config = base(settings, "sink-dead-letters") | {
            "enable.idempotence": True,
            "message.timeout.ms": int(TIMEOUT_S * 1000),
            "message.max.bytes": int(topics.DEAD.config["max.message.bytes"]),
            "compression.type": "lz4",
            "log_level": 0,
        }
        self._producer: Producer | None = None

    def send(self, letters: Sequence[Refused]) -> None:
        """Return once the broker has every letter.

        Raises:
            Retry: the broker did not take them all; some may be there.
        """
        if not letters:
            return
        failed: list[str] = []
        producer = self._connected()
        try:
            for letter in letters:
                self._produce(producer, letter, failed)
            missing = producer.flush(TIMEOUT_S)
        except (KafkaException, BufferError) as error:
            failed.append(str(error))
            missing = len(letters)
        if missing or failed:
            self._producer = None  # what it still holds would come late and twice
            raise Retry(f"{self._topic} did not take {len(letters)} dead letters: {failed[:1]}")

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(self._config)
        return self._producer

    def _produce(self, producer: Producer, letter: Refused, failed: list[str]) -> None:
        def heard(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(str(error))

        message = letter.message
        dead = dead_letters.DeadLetter(
            value=message.value() or b"",
            key=message.key(),
            reason=letter.reason,
            stage="sink",
            topic=self._origin,
            origin=(message.partition() or 0, message.offset() or 0),
            received=message.timestamp()[1],
        )
        producer.produce(
            self._topic,
            dead.value,
            dead.key,
            headers=dead_letters.headers(dead),
            timestamp=dead.received or 0,
            on_delivery=heard,
        )
        producer.poll(0)
