"""What an administrator should be woken for, as PostgreSQL's views show it now. Reads only.

The views are made by the schema's migrations; docs/alerts.md names them. No mail address is read:
what is found here ends in metrics, which many may see.
"""

import msgspec
from psycopg2.extensions import connection

from posttrail_answers.database import sql


class Silence(msgspec.Struct, frozen=True):
    """One row of host_silence."""

    host: str
    seconds: float
    """Since its last mail or refusal."""
    usual_entries: float | None
    """What it has on other days in such a time; None where its past is too short."""


class Destination(msgspec.Struct, frozen=True):
    """One row of deferred_destination."""

    domain: str
    deferred: int
    ended: int


class LogGaps(msgspec.Struct, frozen=True):
    """One row of recent_gap."""

    host: str
    source: str
    gaps: int
    lines: int


class Marks(msgspec.Struct, frozen=True):
    """The row of waiting_event."""

    marks: int
    oldest_s: float
    """Age of the oldest; 0 where there is none."""


class Alerts(msgspec.Struct, frozen=True):
    """All of it at one moment."""

    silences: tuple[Silence, ...]
    destinations: tuple[Destination, ...]
    gaps: tuple[LogGaps, ...]
    login_networks: int
    """Of the login with most; logins with one address are not among them."""
    waiting_bundles: int
    events: Marks


def alerts(opened: connection) -> Alerts:
    """Ask every view; each is bounded to the last hours.

    Raises:
        psycopg2.Error: trouble with the server; UndefinedTable where the schema is too old.
    """
    with opened.cursor() as cursor:
        cursor.execute(sql("alert_silence"))
        silences = tuple(Silence(*row) for row in cursor)
        cursor.execute(sql("alert_deferred"))
        destinations = tuple(Destination(*row) for row in cursor)
        cursor.execute(sql("alert_gaps"))
        gaps = tuple(LogGaps(*row) for row in cursor)
        cursor.execute(sql("alert_rest"))
        ((networks, bundles),) = cursor.fetchall()
        cursor.execute(sql("alert_events"))
        (marks,) = (Marks(*row) for row in cursor)
    return Alerts(silences, destinations, gaps, networks, bundles, marks)
