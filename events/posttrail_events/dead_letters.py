"""Events that a target did not take go to `maillog.dead`, before their offset moves."""

from typing import Any

from confluent_kafka import KafkaException, Message, Producer

from posttrail import dead_letters, topics
from posttrail.config import Settings
from posttrail.errors import Retry
from posttrail.kafka_clients import base

TIMEOUT_S = 10.0


class DeadLetters:
    """Of one target."""

    def __init__(self, settings: Settings) -> None:
        """Connects when the first letter is sent."""
        self._topic = topics.DEAD.full_name(settings.kafka.prefix)
        self._config = base(settings, "webhook-dead-letters") | {
            "enable.idempotence": True,
            "message.timeout.ms": int(TIMEOUT_S * 1000),
            "message.max.bytes": int(topics.DEAD.config["max.message.bytes"]),
            "compression.type": "lz4",
            "log_level": 0,
        }
        self._producer: Producer | None = None

    def send(self, message: Message, reason: str) -> None:
        """Return once the broker has it.

        Raises:
            Retry: the broker did not take it; it may be there nevertheless.
        """
        failed: list[str] = []

        def heard(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(str(error))

        letter = dead_letters.DeadLetter(
            value=message.value() or b"",
            key=message.key(),
            reason=reason,
            stage="webhook",
            topic=message.topic() or "",
            origin=(message.partition() or 0, message.offset() or 0),
            received=message.timestamp()[1],
        )
        if self._producer is None:
            self._producer = Producer(self._config)
        try:
            self._producer.produce(
                self._topic,
                letter.value,
                letter.key,
                headers=dead_letters.headers(letter),
                timestamp=letter.received or 0,
                on_delivery=heard,
            )
            missing = self._producer.flush(TIMEOUT_S + 1)
        except (KafkaException, BufferError) as error:
            failed.append(str(error))
            missing = 1
        if missing or failed:
            self._producer = None  # what it still holds would come late and twice
            raise Retry(f"{self._topic} did not take a dead letter: {failed[:1]}")
