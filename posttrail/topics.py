"""The Kafka topics: names, partitions, settings, and which partition a key belongs to.

The only place where a topic is named. Knows nothing of clients or stages.
"""

import zlib

import msgspec

DAY_MS = 24 * 60 * 60 * 1000


class Topic(msgspec.Struct, frozen=True):
    """A topic as posttrail declares it; `name` is without the configurable prefix."""

    name: str
    partitions: int
    config: dict[str, str]

    def full_name(self, prefix: str) -> str:
        """The name on the broker: prefix as configured (default empty), then the name."""
        return prefix + self.name


def _kept(days: int, **more: str) -> dict[str, str]:
    return {"retention.ms": str(days * DAY_MS), "compression.type": "lz4", **more}


RAW = Topic("maillog.raw", 6, _kept(30))
"""One log line per record; key = host; (partition, offset) is the line's identity for good."""

POSITIONS = Topic("maillog.positions", 1, {"cleanup.policy": "compact"})
"""Where each source stands; key = source id; value = JSON; one partition, for it is read whole."""

DELIVERIES = Topic("maillog.deliveries", 6, _kept(7))
"""One fact per record, JSON; key = `posttrail.identity.deliveries_key`."""

DEAD = Topic("maillog.dead", 1, _kept(30, **{"max.message.bytes": str(2 * 1024 * 1024)}))
"""Lines and facts that a stage could not use, byte for byte; the reason stands in the headers.

Takes larger records than the other topics, so that the largest of theirs fits with its headers.
"""

EVENTS = Topic(
    "maillog.events",
    6,
    _kept(
        30,
        **{
            "cleanup.policy": "compact,delete",
            "segment.ms": str(DAY_MS),
            "max.compaction.lag.ms": str(DAY_MS),
        },
    ),
)
"""The present state of each mail and recipient; key = `posttrail.delivery_events.key`.

Compacted within a day; a state that nothing has changed for 30 days goes, as old rows do.
"""

ALL = (RAW, POSITIONS, DELIVERIES, DEAD, EVENTS)


class DeadHeader:
    """Header names of `maillog.dead`; values are UTF-8 text."""

    REASON = "reason"
    STAGE = "stage"
    TOPIC = "origin-topic"
    PARTITION = "origin-partition"
    OFFSET = "origin-offset"
    VERSION = "version"


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key: crc32, as librdkafka's `consistent_random` (rdcrc32.c).

    Every writer uses this rule, else one mail's lines part ways: aiokafka defaults to murmur2.
    """
    return zlib.crc32(key) % partitions
