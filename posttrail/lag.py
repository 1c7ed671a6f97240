"""How far a stage is behind: offsets that it has done against those that can be read.

A transaction leaves a control record that no reader ever sees, and aborted lines are not seen
either. So an offset that stands before the end does not mean that something waits: whether a record
can be read there decides.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail import kafka_clients
from posttrail.config import Settings
from posttrail.errors import Unreachable

_ANSWER_S = 15.0

_NO_COORDINATOR = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}

T = TypeVar("T")
Offsets = Mapping[int, int]
"""By partition."""


def _offsets(admin: AdminClient, topic: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(topic, number): spec for number in range(partitions)}
    found = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
    return {each.partition: future.result(_ANSWER_S).offset for each, future in found.items()}


def ends(admin: AdminClient, topic: str, partitions: int) -> dict[int, int]:
    """One past the last offset that a read_committed reader could have read."""
    return _offsets(admin, topic, partitions, OffsetSpec.latest())


def beginnings(admin: AdminClient, topic: str, partitions: int) -> dict[int, int]:
    """The first offset that is still kept."""
    return _offsets(admin, topic, partitions, OffsetSpec.earliest())


def of_group(ask: Callable[[], T], nothing: T) -> T:
    """Ask about a group, again while its coordinator is about to be chosen."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_ID_NOT_FOUND:
                return nothing
            if code not in _NO_COORDINATOR or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def committed(admin: AdminClient, group: str, topic: str) -> dict[int, int]:
    """Where a consumer group stands in Kafka's own books; only partitions that it ever did."""

    def ask() -> dict[int, int]:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        found = asked[group].result(_ANSWER_S).topic_partitions
        return {each.partition: each.offset for each in found if each.topic == topic}

    return of_group(ask, {})


def members(admin: AdminClient, group: str) -> list[str]:
    """Client ids of the group's living members."""

    def ask() -> list[str]:
        described = admin.describe_consumer_groups([group])[group].result(_ANSWER_S)
        return [member.client_id for member in described.members]

    return of_group(ask, [])


@contextmanager
def _prober(settings: Settings) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            **kafka_clients.base(settings, "lag"),
            "group.id": f"posttrail-lag-{uuid.uuid4()}",  # never joined, never committed to
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _is_empty(consumer: Consumer, place: TopicPartition, end: int) -> bool:
    """Whether no record can be read from this place up to `end`."""
    consumer.assign([place])
    while True:
        message = consumer.poll(_ANSWER_S)
        if message is None:
            raise Unreachable(f"no answer from Kafka about {place.topic} in {_ANSWER_S:.0f} s")
        if message.error() is None:
            return bool(message.offset() >= end)
        if message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            return True
        raise KafkaException(message.error())


def waiting(settings: Settings, topic: str, done: Offsets, end: Offsets) -> int:
    """Records between `done` and `end`, 0 only if none of them can be read.

    It may count control records and aborted ones beside those that can be read.
    """
    behind = {part: last for part, last in end.items() if done.get(part, 0) < last}
    if not behind:
        return 0
    with _prober(settings) as consumer:
        places = [TopicPartition(topic, part, done.get(part, 0)) for part in behind]
        return sum(
            behind[place.partition] - place.offset
            for place in places
            if not _is_empty(consumer, place, behind[place.partition])
        )
