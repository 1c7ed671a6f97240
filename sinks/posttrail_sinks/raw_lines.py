"""Reads a stretch of `maillog.raw` once, as a reader that leaves no trace in any group."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from posttrail import topics
from posttrail.config import Settings
from posttrail.errors import Retry, Unreachable
from posttrail.kafka_clients import base
from posttrail.kafka_rules import REPLAY_GROUP
from posttrail_sinks import kafka_log
from posttrail_sinks.offsets import Extent

AT_ONCE = 5000
SILENT_S = 30.0
"""Without a record for so long, Kafka is given up."""


def _consumer(settings: Settings) -> Consumer:
    return Consumer(
        base(settings, "replay")
        | {
            "group.id": settings.kafka.prefix + REPLAY_GROUP,  # never joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )


def read(settings: Settings, spans: Mapping[int, Extent]) -> Iterator[list[Any]]:
    """Records of these stretches, partition by partition in order, some thousands at a time.

    Raises:
        Unreachable: Kafka does not answer or refuses us.
        NotReady: there is no such topic.
    """
    topic = topics.RAW.full_name(settings.kafka.prefix)
    left = {part: span.end for part, span in spans.items() if span.first < span.end}
    if not left:
        return
    consumer = _consumer(settings)
    try:
        consumer.assign([TopicPartition(topic, part, spans[part].first) for part in left])
        heard = time.monotonic()
        while left:
            messages = consumer.consume(AT_ONCE, 0.1)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENT_S:
                raise Unreachable(f"no answer from Kafka about {topic} in {SILENT_S:.0f} s")
            yield _within(messages, left, topic)
    finally:
        consumer.close()


def _within(messages: list[Any], left: dict[int, int], topic: str) -> list[Any]:
    """The records before the ends; a partition that is at its end is left no more."""
    fine = []
    for message in messages:
        part, offset = message.partition(), message.offset()
        error = message.error()
        if error is not None:
            _end_or_raise(error, topic)
            left.pop(part, None)
        elif part in left:
            if offset < left[part]:
                fine.append(message)
            if offset + 1 >= left[part]:
                del left[part]
    return fine


def _end_or_raise(error: KafkaError, topic: str) -> None:
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
        return
    found = kafka_log.understood(error, topic)
    raise Unreachable(str(found)) if isinstance(found, Retry) else found
