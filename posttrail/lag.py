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
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail import kafka_clients
from posttrail.config import Settings
from posttrail.errors import Unreachable
from posttrail.kafka_rules import LAG_GROUP

_ANSWER_S = 15.0

_NOT_YET = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.NOT_COORDINATOR,
}

T = TypeVar("T")
Offsets = Mapping[int, int]
"""By partition."""


def _ask(ask: Callable[[], T]) -> T:
    """Ask, again while the broker that would know is about to be chosen."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _offsets(admin: AdminClient, topic: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(topic, number): spec for number in range(partitions)}

    def ask() -> dict[int, int]:
        found = admin.list_offsets(asked)
        return {each.partition: future.result(_ANSWER_S).offset for each, future in found.items()}

    return _ask(ask)


def ends(admin: AdminClient, topic: str, partitions: int) -> dict[int, int]:
    """One past the last offset, be its transaction committed, aborted or open.

    Not the last stable offset: that one comes a moment after a producer heard that its transaction
    is committed.
    """
    return _offsets(admin, topic, partitions, OffsetSpec.latest())


def beginnings(admin: AdminClient, topic: str, partitions: int) -> dict[int, int]:
    """The first offset that is still kept."""
    return _offsets(admin, topic, partitions, OffsetSpec.earliest())


def of_group(ask: Callable[[], T], nothing: T) -> T:
    """Ask about a group; `nothing` where it never was."""
    try:
        return _ask(ask)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return nothing
        raise


def committed(settings: Settings, group: str, topic: str, partitions: int) -> dict[int, int]:
    """Where a consumer group stands in Kafka's own books; only partitions where it ever did.

    Asked by a consumer that never joins. The admin client's own question ends the process by a null
    pointer (librdkafka 2.16, rd_kafka_handle_OffsetFetch) when the group's coordinator is not known
    yet or just moves: on a new cluster, and while brokers restart.
    """
    given = {"group.id": group, "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({**kafka_clients.base(settings, "lag"), **given})
    asked = [TopicPartition(topic, number) for number in range(partitions)]
    try:
        found = _ask(lambda: consumer.committed(asked, timeout=_ANSWER_S))
    finally:
        consumer.close()
    return {each.partition: each.offset for each in found if each.offset >= 0}


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
            # Never joined, never committed to.
            "group.id": f"{settings.kafka.prefix}{LAG_GROUP}{uuid.uuid4()}",
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
    """Whether no record between this place and `end` can be read, now or later.

    A reader comes to a halt before an open transaction: then its lines may still be committed.
    """
    consumer.assign([place])
    message = consumer.poll(_ANSWER_S)
    if message is None:
        raise Unreachable(f"no answer from Kafka about {place.topic} in {_ANSWER_S:.0f} s")
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # its name
        raise KafkaException(error)
    return bool(message.offset() >= end)


def waiting(settings: Settings, topic: str, done: Offsets, end: Offsets) -> int:
    """Records between `done` and `end`, 0 only if none of them can be read.

    It may count control records and aborted ones beside those that can be read, and counts the
    lines of an open transaction.
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
