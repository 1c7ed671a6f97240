"""Day partitions: made when a batch needs them, made ahead, dropped when they are too old.

The work is done by functions of the schema's owner, so that a sink needs no right to make or drop
tables.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from posttrail_sinks.policy import AHEAD_DAYS, DAY
from posttrail_sinks.queries import query

_EPOCH = date(1970, 1, 1)


def day_of(t: int) -> date:
    """The day in UTC of microseconds since 1970."""
    return _EPOCH + timedelta(days=t // DAY)


def days_of(times: Iterable[int]) -> set[date]:
    """The days in UTC of many such times."""
    return {day_of(number * DAY) for number in {t // DAY for t in times}}


def ensure(cursor: Cursor, days: Iterable[date]) -> int:
    """Make the partitions of these days; returns how many were missing."""
    cursor.execute(query("make_partitions"), {"days": sorted(days)})
    return _number(cursor)


def _number(cursor: Cursor) -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def ensure_ahead(cursor: Cursor, now: int) -> int:
    """Make the partitions of yesterday to a week ahead; returns how many were missing."""
    today = day_of(now)
    return ensure(cursor, [today + timedelta(days=n) for n in range(-1, AHEAD_DAYS + 1)])


def drop_older(cursor: Cursor, oldest: date) -> list[str]:
    """Drop the partitions of days before this one; returns their names.

    Raises:
        psycopg2.errors.LockNotAvailable: somebody reads for long; try again later.
    """
    cursor.execute(query("drop_partitions"), {"before": oldest})
    return [name for (name,) in cursor]
