"""Reads `maillog.dead` from where the last retry ended up to its present end."""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from posttrail import kafka_clients
from posttrail.config import Settings
from posttrail.dead_letters import DeadLetter, read
from posttrail.errors import Poison, Unreachable
from posttrail.kafka_rules import DEAD_GROUP
from posttrail.topic_admin import require
from posttrail.topics import DEAD

ANSWER_SECONDS = 15.0
MOST_AT_ONCE = 1000


class DeadTopic:
    """The dead letters that are still to be dealt with.

    What a retry has dealt with stands in the committed offset of its consumer group.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect.

        Raises:
            posttrail.errors.NotReady: the topic is missing.
            posttrail.errors.Unreachable: no broker answers.
        """
        require(settings, DEAD)
        self.name = DEAD.full_name(settings.kafka.prefix)
        self.consumer = Consumer(
            {
                **kafka_clients.base(settings, "dead"),
                "group.id": settings.kafka.prefix + DEAD_GROUP,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )

    def close(self) -> None:
        """Leave nothing open."""
        self.consumer.close()

    def partitions(self) -> list[int]:
        """The topic's partitions."""
        return sorted(
            self.consumer.list_topics(self.name, ANSWER_SECONDS).topics[self.name].partitions
        )

    def records(self, partition: int) -> Iterator[list[Message]]:
        """The partition's records in order, some at a time, up to the end as of now.

        Raises:
            posttrail.errors.Unreachable: the broker went away.
        """
        try:
            yield from self._records(TopicPartition(self.name, partition))
        except KafkaException as error:
            raise Unreachable(f"Kafka went away: {error.args[0].name()}; try again") from error

    def _records(self, partition: TopicPartition) -> Iterator[list[Message]]:
        _, end = self.consumer.get_watermark_offsets(partition, ANSWER_SECONDS)
        [committed] = self.consumer.committed([partition], ANSWER_SECONDS)
        self.consumer.assign([committed])
        at_end = False
        while not at_end:
            got = self.consumer.consume(MOST_AT_ONCE, 0.2)
            errors = [message.error() for message in got if message.error()]
            at_end = any(error.code() == KafkaError._PARTITION_EOF for error in errors)  # noqa: SLF001
            for error in errors:
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                    raise KafkaException(error)
            records = [one for one in got if not one.error() and one.offset() < end]
            at_end = at_end or len(records) + len(errors) < len(got)
            if records:
                yield records

    def letters(self) -> Iterator[DeadLetter]:
        """Every letter; records of the topic that are none are passed over."""
        for partition in self.partitions():
            for records in self.records(partition):
                yield from (letter for one in records if (letter := letter_of(one)) is not None)


def letter_of(record: Message) -> DeadLetter | None:
    """The letter in a record; None when it is none of ours."""
    _, received = record.timestamp()
    try:
        return read(record.key(), record.value(), record.headers() or [], received)
    except Poison:
        return None
