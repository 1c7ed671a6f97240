"""Raw lines from `maillog.raw` by origin, and those beside them. Bounded in time and in number.

One consumer for all that is asked for, read in order of the offsets, as no member of any group.
Knows no mail: which lines matter is the caller's business.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from posttrail import topics
from posttrail.config import Settings
from posttrail.errors import NotReady, PosttrailError, Unreachable
from posttrail.kafka_clients import base
from posttrail.kafka_rules import REPLAY_GROUP
from posttrail.records import Origin

ANSWER_S = 3.0
"""For one question to the broker."""
ALL_S = 8.0
"""For everything: who waits at a terminal gives up then."""
NEAR = 500
"""Origins so close are read in one go; so far around a line its neighbours are looked for."""
AT_ONCE = 500
_RULES = "`posttrail topics --acls --part replay` prints the rules that this user needs"


class RawLines:
    """Lines by origin; use it within `reading_raw`."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        """The consumer is the caller's; `topic` is the full name of maillog.raw."""
        self._consumer = consumer
        self._topic = topic
        self._end = time.monotonic() + ALL_S
        self._limits: dict[int, tuple[int, int]] = {}

    def fetch(self, origins: Collection[Origin], found: dict[Origin, str]) -> None:
        """Put those of the lines that Kafka still has into `found`; they stay there on an error.

        Raises:
            Unreachable: no answer in time.
            NotReady: there is no such topic, or we may not read it.
        """
        wanted = set(origins)
        for partition, first, end in clusters(wanted):
            lines = self.stretch(partition, first, end)
            found |= {origin: text for origin, text in lines.items() if origin in wanted}

    def around(self, origins: Collection[Origin], found: dict[Origin, str]) -> None:
        """Put the lines and up to NEAR lines before and behind each into `found`.

        Raises:
            Unreachable, NotReady: as `fetch`.
        """
        for partition, first, end in clusters(origins, NEAR):
            found |= self.stretch(partition, max(0, first - NEAR), end + NEAR)

    def stretch(self, partition: int, first: int, end: int) -> dict[Origin, str]:
        """The lines of a partition from offset `first` to before `end`, in order.

        Raises:
            Unreachable, NotReady: as `fetch`.
        """
        low, high = self._kept(partition)
        first, end = max(first, low), min(end, high)
        if first >= end:
            return {}
        self._consumer.assign([TopicPartition(self._topic, partition, first)])
        found: dict[Origin, str] = {}
        while True:
            # No more than are wanted: it would wait for as many.
            at_most = min(AT_ONCE, end - first - len(found))
            for message in self._consumer.consume(at_most, 0.2):
                offset = message.offset()
                if message.error() is not None:
                    if message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its name
                        return found
                    raise _understood(message.error(), self._topic)
                if offset is None or offset >= end:
                    return found
                found[partition, offset] = _text(message)
                if offset == end - 1:
                    return found
            if time.monotonic() > self._end:
                raise Unreachable(f"no answer from Kafka about {self._topic} in {ALL_S:.0f} s")

    def _kept(self, partition: int) -> tuple[int, int]:
        if partition not in self._limits:
            try:
                self._limits[partition] = self._consumer.get_watermark_offsets(
                    TopicPartition(self._topic, partition), timeout=ANSWER_S
                )
            except KafkaException as error:
                raise _understood(error.args[0], self._topic) from None
        return self._limits[partition]


@contextmanager
def reading_raw(settings: Settings) -> Iterator[RawLines]:
    """Access to the raw lines.

    Raises:
        Unreachable: no broker is set.
        BadSettings: a file of a certificate or a secret cannot be used.
    """
    consumer = Consumer(
        base(settings, "trace")
        | {
            "group.id": settings.kafka.prefix + REPLAY_GROUP,  # never joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
            # Few lines here and there: what is fetched ahead is thrown away at the next stretch,
            # and by default a consumer that has enough waits a second. 80 ms a stretch become 3.
            "max.partition.fetch.bytes": 262_144,
            "queued.min.messages": 1,
            "fetch.queue.backoff.ms": 1,
        }
    )
    try:
        yield RawLines(consumer, topics.RAW.full_name(settings.kafka.prefix))
    finally:
        consumer.close()


def clusters(origins: Collection[Origin], margin: int = 0) -> list[tuple[int, int, int]]:
    """Origins as few stretches (partition, first, end): neighbours are read in one go. Pure.

    Args:
        margin: so much more is read on both sides of a stretch; those that meet then are one.
    """
    found: list[tuple[int, int, int]] = []
    for partition, offset in sorted(origins):
        near = found and found[-1][0] == partition
        if near and offset - found[-1][2] < max(NEAR, 2 * margin):
            found[-1] = partition, found[-1][1], offset + 1
        else:
            found.append((partition, offset, offset + 1))
    return found


def _text(message: Message) -> str:
    return (message.value() or b"").decode("utf-8", "replace")


def _understood(error: KafkaError, topic: str) -> PosttrailError:
    missing = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001  # its names
    missing.add(KafkaError._UNKNOWN_PARTITION)  # noqa: SLF001  # its name
    if error.code() in missing:  # what a user may not see is not there for them
        return NotReady(f"Kafka has no topic {topic} with such partitions, or hides it: {_RULES}")
    if error.name().endswith("AUTHORIZATION_FAILED"):
        return NotReady(f"Kafka refuses to give lines ({error.str()}): {_RULES}")
    return Unreachable(f"Kafka gives no lines: {error.str()}")
