"""Sends dead letters and waits for the broker's word. Knows no stage; a worker has one of its own.

A crash behind it sends a letter again; its origin headers tell that it is the same.
"""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException, Message, Producer

from posttrail import topics
from posttrail.config import Settings
from posttrail.dead_letters import DeadLetter, Stage, headers
from posttrail.errors import Retry
from posttrail.kafka_clients import base


def letter_of(message: Message, topic: str, stage: Stage, reason: str) -> DeadLetter:
    """A record that was consumed from `topic`, byte for byte."""
    return DeadLetter(
        value=message.value() or b"",
        key=message.key(),
        reason=reason,
        stage=stage,
        topic=topic,
        origin=(message.partition() or 0, message.offset() or 0),
        received=message.timestamp()[1],
    )


class DeadLetterProducer:
    """To `maillog.dead`."""

    def __init__(self, settings: Settings, client_id: str, timeout: float, patience: float) -> None:
        """Connects when the first letter is sent.

        Args:
            settings: where the brokers are.
            client_id: this client's name among ours.
            timeout: seconds that a letter may wait for the broker.
            patience: seconds that `send` waits in all.
        """
        self._topic = topics.DEAD.full_name(settings.kafka.prefix)
        self._patience = patience
        self._config = base(settings, client_id) | {
            "enable.idempotence": True,
            "message.timeout.ms": int(timeout * 1000),
            "message.max.bytes": int(topics.DEAD.config["max.message.bytes"]),
            "compression.type": "lz4",
            "log_level": 0,
        }
        self._producer: Producer | None = None

    def send(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the broker has every letter.

        Raises:
            Retry: the broker did not take them all; some may be there.
        """
        if not letters:
            return
        failed: list[str] = []
        if self._producer is None:
            self._producer = Producer(self._config)
        try:
            for letter in letters:
                self._produce(self._producer, letter, failed)
            missing = self._producer.flush(self._patience)
        except (KafkaException, BufferError) as error:
            failed.append(str(error))
            missing = len(letters)
        if missing or failed:
            self._producer = None  # what it still holds would come late and twice
            raise Retry(f"{self._topic} did not take {len(letters)} dead letters: {failed[:1]}")

    def _produce(self, producer: Producer, letter: DeadLetter, failed: list[str]) -> None:
        def heard(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(str(error))

        producer.produce(
            self._topic,
            letter.value,
            letter.key,
            headers=headers(letter),
            timestamp=letter.received or 0,
            on_delivery=heard,
        )
        producer.poll(0)
