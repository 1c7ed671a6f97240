"""What each stage must be allowed to do in Kafka, and whether it is: nothing is written for it.

Rights on topics and groups are asked for; a transactional id is tried out. The one that is tried
bears the source's name and `#check`: a running producer is not fenced, and a rule for names that
begin with the source's covers both.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from confluent_kafka import KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from posttrail import kafka_clients, lag, topic_admin
from posttrail.config import Settings
from posttrail.errors import Unreachable
from posttrail.topics import DEAD, DELIVERIES, POSITIONS, RAW, Topic

_ANSWER_S = 15.0


class Needs(msgspec.Struct, frozen=True):
    """What a stage does in Kafka."""

    topics: Mapping[str, tuple[Topic, tuple[str, ...]]]
    group: str = ""
    transactional_id: str = ""


def of_producer(source: str) -> Needs:
    """`source` begins the ids of the sources: `journal:mx1`, `file:mx1:`."""
    return Needs(
        {"raw": (RAW, ("WRITE",)), "positions": (POSITIONS, ("READ", "WRITE"))},
        transactional_id=f"{source}#check",
    )


def of_processor(settings: Settings) -> Needs:
    """It reads lines and writes facts and dead letters."""
    return Needs(
        {
            "raw": (RAW, ("READ",)),
            "deliveries": (DELIVERIES, ("WRITE",)),
            "dead": (DEAD, ("WRITE",)),
        },
        group=settings.processor.group,
    )


def of_sink(settings: Settings) -> Needs:
    """It reads facts and writes dead letters."""
    return Needs(
        {"deliveries": (DELIVERIES, ("READ",)), "dead": (DEAD, ("WRITE",))},
        group=settings.sink.group,
    )


def require(settings: Settings, needs: Needs) -> str:
    """Check all of it; what is allowed, in words.

    Raises:
        Unreachable: something is not allowed, or no broker answers; says what to allow.
    """
    admin = topic_admin.client(settings)
    try:
        lacking = [*_of_topics(admin, settings, needs), *_of_group(admin, settings, needs)]
        _try_transaction(settings, needs.transactional_id)
    except KafkaException as error:
        raise Unreachable(f"Kafka does not say what is allowed: {error.args[0].str()}") from error
    if lacking:
        raise Unreachable(f"Kafka does not allow: {'; '.join(lacking)}")
    words = (f"{'/'.join(names)} {topic.name}" for topic, names in needs.topics.values())
    return ", ".join(words)


def _of_topics(admin: AdminClient, settings: Settings, needs: Needs) -> Iterator[str]:
    wanted = {topic.full_name(settings.kafka.prefix): ops for topic, ops in needs.topics.values()}
    collection = TopicCollection(list(wanted))
    found = admin.describe_topics(
        collection, include_authorized_operations=True, request_timeout=_ANSWER_S
    )
    for name, future in found.items():
        allowed = _names(future.result(_ANSWER_S).authorized_operations)
        for operation in wanted[name]:
            if operation not in allowed:
                yield _cure(operation, "topic", name)


def _of_group(admin: AdminClient, settings: Settings, needs: Needs) -> Iterator[str]:
    if not needs.group:
        return
    name = settings.kafka.prefix + needs.group

    def ask() -> set[str]:
        found = admin.describe_consumer_groups([name], include_authorized_operations=True)
        return _names(found[name].result(_ANSWER_S).authorized_operations)

    # Of a group that nobody ever joined Kafka does not tell.
    if "READ" not in lag.of_group(ask, {"READ"}):
        yield _cure("READ", "group", name)


def _try_transaction(settings: Settings, transactional_id: str) -> None:
    if not transactional_id:
        return
    name = settings.kafka.prefix + transactional_id
    producer = Producer(
        {**kafka_clients.base(settings, "check"), "transactional.id": name, "log_level": 0}
    )
    try:
        producer.init_transactions(_ANSWER_S)
    except KafkaException as error:
        if error.args[0].name() != "TRANSACTIONAL_ID_AUTHORIZATION_FAILED":
            raise
        begins = name.removesuffix("#check")
        cure = _cure("WRITE", "transactional-id", begins)
        raise Unreachable(
            f"Kafka does not allow: {cure} --resource-pattern-type prefixed"
        ) from None


def _names(operations: list[Any] | None) -> set[str]:
    """Kafka answers None where it has no rules at all."""
    if operations is None:
        return {operation.name for operation in AclOperation}
    return {operation.name for operation in operations}


def _cure(operation: str, kind: str, name: str) -> str:
    return (
        f"{operation} on {kind} {name}: `kafka-acls.sh --add --allow-principal User:… "
        f"--operation {operation.capitalize()} --{kind} '{name}'`"
    )
