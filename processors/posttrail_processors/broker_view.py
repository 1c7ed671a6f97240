"""What the broker says of `maillog.raw`: how far it can be read, and how far the group has come.

A client of its own, for the watchdog's thread. Knows neither Faust nor what a stall is.
"""

import logging
from collections.abc import Iterable, Mapping

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail import lag
from posttrail.config import Settings
from posttrail.kafka_clients import base
from posttrail.topics import RAW
from posttrail_processors.progress import Partition
from posttrail_processors.stall import Mark

ASK_SECONDS = 5.0


class BrokerView:
    """Each question raises KafkaException or TimeoutError when there is no answer in time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = RAW.full_name(settings.kafka.prefix)
        self._group = settings.kafka.prefix + settings.processor.group
        self._admin = AdminClient(
            base(settings, "watchdog"), logger=logging.getLogger("posttrail.kafka")
        )

    def ends(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """The offset after the last record that can be read.

        Of partition 0, too, so that the broker is asked even when a worker has none.
        """
        answers = self._admin.list_offsets(
            {TopicPartition(*one): OffsetSpec.latest() for one in {*partitions, (self._topic, 0)}},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ASK_SECONDS,
        )
        return {
            (one.topic, one.partition): answer.result(ASK_SECONDS).offset
            for one, answer in answers.items()
        }

    def marks_of_group(self) -> Mapping[Partition, Mark]:
        """Every partition of the topic, by what the whole group has committed."""
        found = self._admin.list_topics(self._topic, timeout=ASK_SECONDS).topics[self._topic]
        number = len(found.partitions)
        begins = lag.beginnings(self._admin, self._topic, number)
        committed = lag.committed(self._settings, self._group, self._topic, number)
        ends = self.ends((self._topic, partition) for partition in range(number))
        return {
            (topic, partition): Mark(end, max(begins[partition], committed.get(partition, 0)))
            for (topic, partition), end in ends.items()
        }
