"""What still waits for its delivery, from the tables. Gives records, reads only."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg2.extensions import connection

from posttrail_answers import gaps
from posttrail_answers.database import sql
from posttrail_answers.gaps import Gap, Life

MOST = 10_000
"""The most rows unless told otherwise: oldest first, the rest is the same trouble."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recipient of a mail that waits."""

    queue_id: str
    host: str
    instance: str
    born: datetime
    sender: str | None = None
    size: int | None = None
    recipient: str | None = None
    """None: no attempt was logged yet, so the log does not name the recipients."""
    state: str
    """deferred, held, or queued: not tried yet."""
    t: datetime
    """Of the last attempt, or of the last line."""
    attempts: int = 0
    relay: str | None = None
    reason: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one destination, for one reason."""

    destination: str
    """The recipient's domain; empty where no attempt was logged yet."""
    reason: str
    recipients: int
    oldest: datetime


def waiting(
    opened: connection, hosts: tuple[str, ...] = (), limit: int = MOST
) -> tuple[Waiting, ...]:
    """Who still waits, oldest mail first; `hosts` empty means all."""
    with opened.cursor() as cursor:
        cursor.execute(
            sql("queue_rest") + sql("queue"), {"hosts": list(hosts) or None, "limit": limit}
        )
        return tuple(msgspec.convert(found, Waiting, strict=False) for (found,) in cursor)


def groups(opened: connection, hosts: tuple[str, ...] = ()) -> tuple[Group, ...]:
    """All that waits by destination and reason, the most first."""
    with opened.cursor() as cursor:
        cursor.execute(sql("queue_rest") + sql("queue_groups"), {"hosts": list(hosts) or None})
        return tuple(msgspec.convert(found, Group, strict=False) for (found,) in cursor)


def hiding(opened: connection, listed: Sequence[Waiting]) -> tuple[Gap, ...]:
    """Lost lines that may hide that some of these are gone, oldest first."""
    lives = {Life(row.host, row.t, row.t + gaps.OPEN_ENDED) for row in listed}
    found = {gap for each in gaps.in_lives(opened, list(lives)) for gap in each}
    return tuple(sorted(found, key=lambda gap: (gap.t, gap.host)))
