"""What is known to be missing from the log. Reads only."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from psycopg2.extensions import connection

from posttrail_answers.database import sql

SLACK = timedelta(minutes=1)
"""What is told of a gap's time may be that of a line before it; sql/timeline.sql has the same, and
the same day."""
OPEN_ENDED = timedelta(days=1)
"""How long after its last line a mail's end may have been lost: a mail that waits is tried again
within maximal_backoff_time, 4000 seconds."""


class Gap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of log_gap."""

    t: datetime
    host: str
    source: str
    lines: int | None = None
    """How many; None where nobody can know."""
    reason: str


def newest_gaps(opened: connection, limit: int) -> list[Gap]:
    """The newest gaps, newest first."""
    with opened.cursor() as cursor:
        cursor.execute(sql("gaps"), {"limit": limit})
        return [msgspec.convert(found, Gap, strict=False) for (found,) in cursor]


class Life(msgspec.Struct, frozen=True):
    """When a mail's lines may have been lost, and where."""

    host: str
    first: datetime
    last: datetime


def in_lives(opened: connection, lives: Sequence[Life]) -> list[tuple[Gap, ...]]:
    """The first gaps in each of the lives, oldest first; one question for all of them."""
    found: list[list[Gap]] = [[] for _ in lives]
    if lives:
        with opened.cursor() as cursor:
            cursor.execute(sql("gaps_in_lives"), {
                "hosts": [life.host for life in lives],
                "first": [life.first for life in lives],
                "last": [life.last for life in lives],
            })  # fmt: skip
            for number, raw in cursor:
                found[number - 1].append(msgspec.convert(raw, Gap, strict=False))
    return [tuple(gaps) for gaps in found]
