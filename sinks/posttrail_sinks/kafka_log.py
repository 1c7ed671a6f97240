"""What stands in a topic: its id, what of it can be read, and which offset a time has.

Asks the brokers through an admin client; reads no record.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail.errors import NotReady, Retry, Unreachable
from posttrail_sinks.offsets import Extent

TIMEOUT_S = 5.0

_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,  # noqa: SLF001  # librdkafka's own codes have the underscore
}
_NO_TOPIC = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001


def understood(error: KafkaError, topic: str) -> Exception:
    """What an error of Kafka asks for: Retry, NotReady or Unreachable."""
    if error.code() in _NO_TOPIC:
        return NotReady(f"Kafka has no topic {topic}; run `posttrail topics`")
    if error.code() in _REFUSED:
        return Unreachable(f"Kafka refuses us: {error.str()}")
    return Retry(f"Kafka: {error.str()}")


def _answers(futures: Mapping[Any, Any], topic: str) -> dict[Any, Any]:
    try:
        return {asked: future.result(TIMEOUT_S) for asked, future in futures.items()}
    except KafkaException as error:
        raise understood(error.args[0], topic) from None
    except TimeoutError:
        raise Retry(f"Kafka gave no answer about {topic} in {TIMEOUT_S:.0f} s") from None


def described(admin: AdminClient, topic: str) -> tuple[str, list[int]]:
    """The topic's id and its partitions.

    Raises:
        NotReady: there is no such topic.
        Unreachable: the brokers refuse us.
        Retry: no answer.
    """
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)
    found = _answers(asked, topic)[topic]
    return str(found.topic_id), sorted(part.id for part in found.partitions)


def _offsets(
    admin: AdminClient, topic: str, partitions: Iterable[int], spec: OffsetSpec, *, committed: bool
) -> dict[int, int]:
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    wanted = {TopicPartition(topic, part): spec for part in partitions}
    if not wanted:
        return {}
    asked = admin.list_offsets(wanted, isolation_level=level, request_timeout=TIMEOUT_S)
    return {where.partition: found.offset for where, found in _answers(asked, topic).items()}


def extents(
    admin: AdminClient, topic: str, partitions: Iterable[int], *, committed: bool = False
) -> dict[int, Extent]:
    """What of each partition can be read; `committed`: only up to the oldest open transaction.

    Raises:
        NotReady, Unreachable, Retry: as `described`.
    """
    wanted = list(partitions)
    firsts = _offsets(admin, topic, wanted, OffsetSpec.earliest(), committed=committed)
    ends = _offsets(admin, topic, wanted, OffsetSpec.latest(), committed=committed)
    return {part: Extent(firsts[part], max(firsts[part], ends[part])) for part in wanted}


def at_time(
    admin: AdminClient, topic: str, limits: Mapping[int, Extent], milliseconds: int
) -> dict[int, int]:
    """The first offset whose record came to Kafka at this time or later; the end if none did.

    Raises:
        NotReady, Unreachable, Retry: as `described`.
    """
    spec = OffsetSpec.for_timestamp(milliseconds)
    found = _offsets(admin, topic, limits, spec, committed=False)
    return {part: limits[part].end if at < 0 else at for part, at in found.items()}
