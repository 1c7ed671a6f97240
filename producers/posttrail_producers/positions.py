"""Reads `maillog.positions`: where every source stands, as committed.

Knows the topic as keys and values; what a value says is its source's matter.
"""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from posttrail import kafka_clients, topic_admin
from posttrail.config import Settings
from posttrail.errors import Retry
from posttrail.kafka_rules import POSITIONS_GROUP
from posttrail.topics import POSITIONS

_PATIENCE_S = 60.0
"""More than the transaction.timeout.ms of other producers, whose open transaction we wait for."""


def _end(settings: Settings, partition: TopicPartition) -> int:
    """The end of the partition, open transactions included.

    A read_committed end stops at the oldest open transaction of any producer, and our own committed
    position may lie behind it.
    """
    admin = topic_admin.client(settings)
    found = admin.list_offsets({partition: OffsetSpec.latest()}, request_timeout=15)
    return int(found[partition].result(15).offset)


def read_positions(settings: Settings) -> dict[str, bytes]:
    """The newest value of every key.

    Raises:
        posttrail.errors.Retry: Kafka does not answer, or another producer's transaction stays open.
    """
    partition = TopicPartition(POSITIONS.full_name(settings.kafka.prefix), 0, OFFSET_BEGINNING)
    consumer = Consumer(
        {
            **kafka_clients.base(settings, "positions"),
            "group.id": settings.kafka.prefix + POSITIONS_GROUP,  # never joined
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,  # the end is all that we wait for
            "log_level": 0,
        }
    )
    try:
        end = _end(settings, partition)
        consumer.list_topics(partition.topic, timeout=15)  # else librdkafka asks 0.5 s later
        consumer.assign([partition])
        return _read_until(consumer, end)
    except KafkaException as error:
        raise Retry(f"cannot read {partition.topic}: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _read_until(consumer: Consumer, end: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if (error := message.error()) is None:
            _keep(found, message.key(), message.value())
        elif error.name() != "_PARTITION_EOF":
            raise KafkaException(error)
        elif message.offset() >= end:
            return found
    raise Retry("another producer's transaction on the positions stays open")


def _keep(found: dict[str, bytes], key: bytes | None, value: bytes | None) -> None:
    name = (key or b"").decode(errors="replace")
    if value is None:
        found.pop(name, None)
    else:
        found[name] = value
