"""Reads what stands on `maillog.raw`, as a processor would."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Message, TopicPartition

from posttrail.topics import RAW

QUIET_S = 2.0
"""The end of a partition is told once; a consumer that stood there already hears nothing."""


@contextmanager
def raw_reader(bootstrap: str, prefix: str) -> Iterator[Consumer]:
    """A read_committed consumer of all partitions, from the first record on."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    name = RAW.full_name(prefix)
    consumer.assign([TopicPartition(name, number, 0) for number in range(RAW.partitions)])
    try:
        yield consumer
    finally:
        consumer.close()


def read_some(consumer: Consumer) -> list[Message]:
    """All committed records from where the consumer stands; of a new one, to the end."""
    found: list[Message] = []
    ended: set[int] = set()
    quiet_at = time.monotonic() + QUIET_S
    while len(ended) < RAW.partitions and time.monotonic() < quiet_at:
        for message in consumer.consume(1000, 0.1):
            quiet_at = time.monotonic() + QUIET_S
            if message.error() is None:
                found.append(message)
                ended.discard(message.partition())
            else:
                assert message.error().name() == "_PARTITION_EOF", message.error()
                ended.add(message.partition())
    return found


def raw_lines(bootstrap: str, prefix: str) -> list[bytes]:
    """All committed lines; of one host in their order."""
    with raw_reader(bootstrap, prefix) as consumer:
        return [message.value() for message in read_some(consumer)]


def values(messages: list[Message]) -> list[bytes]:
    """Their lines."""
    return [message.value() for message in messages]
