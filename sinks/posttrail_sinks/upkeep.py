"""What the store needs now and then, whatever comes in: any sink may do it, at any time.

Partitions ahead and too old ones, lines that waited long enough, facts that are kept no longer.
"""

import msgspec
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from posttrail import metrics
from posttrail.errors import Retry
from posttrail_sinks import partitions
from posttrail_sinks.policy import DAY, Policy
from posttrail_sinks.prepared import waiting
from posttrail_sinks.queries import query
from posttrail_sinks.writer import Writer


class Upkept(msgspec.Struct, frozen=True):
    """What was done."""

    made: int
    """Partitions made ahead."""
    dropped: list[str]
    """Partitions dropped, by name."""
    gave_up_waiting: int
    """Short ids whose lines have become partial rows."""
    forgotten: int
    """Bundles of facts of short ids that are kept no longer; their rows stay."""
    learned: int
    """Hours of hosts that were counted anew."""


def keep_up(connection: Connection, writer: Writer) -> Upkept:
    """Do all of it, each in a transaction of its own.

    Raises:
        psycopg2.Error: trouble with the server.
    """
    now, policy = writer.now(), writer.policy
    with connection, connection.cursor() as cursor:
        made = partitions.ensure_ahead(cursor, now)
    done = Upkept(
        made,
        _drop(connection, policy, now),
        give_up_waiting(connection, writer),
        _forget(connection, policy, now),
        _learn(connection),
    )
    metrics.SINK_DROPPED.inc(len(done.dropped))
    metrics.SINK_PARTIAL.inc(done.gave_up_waiting)
    return done


def _drop(connection: Connection, policy: Policy, now: int) -> list[str]:
    if policy.retention_days is None:
        return []
    try:
        with connection, connection.cursor() as cursor:
            return partitions.drop_older(cursor, partitions.day_of(policy.oldest(now)))
    except LockNotAvailable:
        return []  # somebody reads for long; the next time comes


def give_up_waiting(connection: Connection, writer: Writer) -> int:
    """Make partial rows of lines whose opening line did not come; returns of how many ids."""
    now = writer.now()
    before = {"before": now - writer.policy.orphan_us}
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query("waiting_short"), before)
            ids = cursor.fetchall()
            if ids:
                writer.write(cursor, waiting(ids, now))
    except Retry:
        return 0  # the sink that these ids belong to was faster
    return len(ids)


def _forget(connection: Connection, policy: Policy, now: int) -> int:
    with connection, connection.cursor() as cursor:
        return _deleted(cursor, now - policy.generation_days * DAY)


def _learn(connection: Connection) -> int:
    """What each host usually writes, for the view silent_host."""
    with connection, connection.cursor() as cursor:
        cursor.execute(query("learn_hours"))
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def _deleted(cursor: Cursor, before: int) -> int:
    cursor.execute(query("prune_short"), {"before": before})
    return cursor.rowcount
