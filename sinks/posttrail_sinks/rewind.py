"""Set a whole group of sinks back, or ahead, while it runs.

Offsets and a new epoch are put into `sink_offset`; running sinks are fenced, claim again and read
from there. Rows stay the same: merging a fact twice changes nothing.
"""

from collections.abc import Mapping
from contextlib import closing

from confluent_kafka.admin import AdminClient

from posttrail import config, topic_admin, topics
from posttrail.config import Settings
from posttrail.errors import Retry, Unreachable
from posttrail_sinks import kafka_log, offsets
from posttrail_sinks.database import first_connection, understood
from posttrail_sinks.offsets import Extent, Log
from posttrail_sinks.places import AtOffset, Place

OWNER = "posttrail sink rewind"


def found(
    admin: AdminClient, topic: str, extents: Mapping[int, Extent], place: Place
) -> dict[int, int]:
    """The offset of the place in each partition, inside of what can be read.

    Raises:
        Retry, NotReady, Unreachable: as the brokers answer.
    """
    if not isinstance(place, AtOffset):
        return kafka_log.at_time(admin, topic, extents, place.milliseconds)
    return {
        partition: max(extent.first, min(place.offset, extent.end))
        for partition, extent in extents.items()
    }


def _wanted(settings: Settings, place: Place) -> tuple[Log, dict[int, int]]:
    topic = topics.DELIVERIES.full_name(settings.kafka.prefix)
    admin = topic_admin.client(settings)
    try:
        topic_id, partitions = kafka_log.described(admin, topic)
        extents = kafka_log.extents(admin, topic, partitions)
        wanted = found(admin, topic, extents, place)
    except Retry as error:
        raise Unreachable(f"{error}; does it run, and is kafka.bootstrap right?") from None
    group = settings.kafka.prefix + settings.sink.group
    return Log(group=group, topic=topic, topic_id=topic_id), wanted


def rewind(settings: Settings, place: Place) -> dict[int, tuple[int | None, int]]:
    """Put the group at this place; returns per partition where it stood and stands.

    A sink that is frozen in its transaction is ended, as by a claim.

    Raises:
        Unreachable: Kafka or PostgreSQL is away or refuses us.
        NotReady: the topic or the schema is missing.
    """
    log, wanted = _wanted(settings, place)
    with closing(first_connection(config.dsn(settings), OWNER)) as connection, understood():
        with connection, connection.cursor() as cursor:
            before = offsets.standing(cursor, log)
        offsets.over_any_holder(
            connection, log, wanted, lambda cursor: offsets.put(cursor, log, OWNER, wanted)
        )
    stood = {partition: claim.next_offset for partition, claim in before.items()}
    return {partition: (stood.get(partition), at) for partition, at in wanted.items()}
