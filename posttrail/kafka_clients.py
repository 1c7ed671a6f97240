"""Settings of every Kafka client of ours, in librdkafka's words (CONFIGURATION.md).

Knows no topic and no stage. aiokafka's words for the same live with the processor.
"""

from posttrail.config import Settings, bootstrap


def base(settings: Settings, client_id: str) -> dict[str, str | int | float | bool]:
    """What producer, consumer and admin share.

    Raises:
        posttrail.errors.Unreachable: no broker is set and no embedded one runs.
    """
    return {
        "bootstrap.servers": bootstrap(settings),
        "client.id": f"posttrail-{client_id}",
        "partitioner": "consistent_random",  # crc32(key): posttrail.topics.partition_for
    }
