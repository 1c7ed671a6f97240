"""What is kept shorter than the day partitions: refusals, facts set aside, mails of some domains.

The work is done by functions of the schema's owner: a sink needs no right to drop tables.
"""

from collections.abc import Mapping

import msgspec
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class

from posttrail.config import Sink
from posttrail_sinks.partitions import day_of
from posttrail_sinks.policy import DAY
from posttrail_sinks.queries import query


class Retention(msgspec.Struct, frozen=True):
    """Days that things are kept; None: as the partitions are."""

    days: int | None = None
    refusal_days: int | None = None
    domain_days: Mapping[str, int] = {}

    @classmethod
    def of(cls, settings: Sink) -> "Retention":
        """As configured."""
        return cls(settings.retention_days, settings.refusal_days, settings.domain_days)


def forget(connection: Connection, retention: Retention, now: int) -> int:
    """Let go what is too old; returns how many rows and partitions. A part of much: call it again.

    Args:
        connection: without a transaction.
        retention: how long.
        now: microseconds since 1970 UTC.

    Raises:
        psycopg2.Error: trouble with the server.
    """
    gone = _drop_refusals(connection, retention.refusal_days, now)
    if retention.days is not None:
        before = {"before": day_of(now - retention.days * DAY)}
        gone += _called(connection, "forget_set_aside", before)
    for domain, days in retention.domain_days.items():
        before_of = {"domain": domain, "before": day_of(now - days * DAY)}
        gone += _called(connection, "forget_domain", before_of)
    return gone


def _drop_refusals(connection: Connection, days: int | None, now: int) -> int:
    if days is None:
        return 0
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query("drop_refusals"), {"before": day_of(now - days * DAY)})
            return cursor.rowcount
    except LockNotAvailable:
        return 0  # somebody reads for long; the next time comes


def _called(connection: Connection, function: str, given: Mapping[str, object]) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute(query(function), given)
        found = cursor.fetchone()
    return int(found[0]) if found else 0
