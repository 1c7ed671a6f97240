"""The rows that have changed, as events: read, and crossed off once published. No Kafka."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from posttrail.delivery_events import VERSION, DeliveryEvent, Row, encode_event, key
from posttrail.errors import NotReady
from posttrail_events.database import Connection, Cursor, sql, understood

BATCH = 2_000
"""Marks that are dealt with at once."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class State(NamedTuple):
    """A record to publish; without value: the row is gone."""

    key: bytes
    value: bytes | None


class Batch(msgspec.Struct, frozen=True):
    """States, and the marks that they answer."""

    ids: list[int]
    states: list[State]
    behind_s: float
    """Age of the oldest mark."""


def require_on(connection: Connection) -> None:
    """See that changes are marked at all.

    Raises:
        NotReady: they are not, or the schema is another one.
    """
    with understood(), connection, connection.cursor() as cursor:
        cursor.execute(sql("is_on"))
        (found,) = cursor.fetchone() or (False,)
    if not found:
        raise NotReady("delivery events are off: `posttrail events on` as the owner of the tables")


def is_first(connection: Connection) -> bool:
    """Whether this session is the one that publishes; it stays so until it ends."""
    with understood(), connection, connection.cursor() as cursor:
        cursor.execute(sql("lock"))
        (got,) = cursor.fetchone() or (False,)
    return bool(got)


def changed(connection: Connection) -> Batch:
    """The oldest marks and the states of their rows, which are no older than the marks.

    Raises:
        Retry, NotReady: as the database asks.
    """
    with understood(), connection, connection.cursor() as cursor:
        cursor.execute(sql("marks"), {"most": BATCH})
        marks = cursor.fetchall()
        if not marks:
            return Batch([], [], 0.0)
        ids, births, ages = zip(*marks, strict=True)
        asked = {"ids": list(ids), "first": min(births), "last": max(births)}
        cursor.execute(sql("states"), asked)
        return Batch(list(ids), list(_states(cursor)), ages[0])


def told(connection: Connection, batch: Batch) -> None:
    """Cross the marks off: their states are published.

    Raises:
        Retry, NotReady: as the database asks.
    """
    with understood(), connection, connection.cursor() as cursor:
        cursor.execute(sql("told"), {"ids": batch.ids})


class _Found(NamedTuple):
    """A row of sql/states.sql."""

    host: str
    instance: str
    queue_id: str
    born: datetime
    recipient: str | None
    orig_recipient: str | None
    there: bool
    sender: str | None
    message_id: str | None
    size: int | None
    nrcpt: int | None
    reason: str | None
    status: str | None
    t: datetime
    relay: str | None
    dsn: str | None
    response: str | None
    delay: float | None
    attempts: int | None
    next_queue_id: str | None
    probe: bool


def _states(cursor: Cursor) -> Iterator[State]:
    for found in map(_Found._make, cursor):
        yield State(key(_row(found)), encode_event(_event(found)) if found.there else None)


def _row(found: _Found) -> Row:
    born = (found.born - _EPOCH) // _MICROSECOND
    return Row(
        found.host, found.instance, found.queue_id, born, found.recipient, found.orig_recipient
    )


def _event(found: _Found) -> DeliveryEvent:
    """What is told of a mail is not repeated for each of its recipients, but whose mail it is."""
    is_mail = found.recipient is None
    is_renamed = found.orig_recipient != found.recipient
    return DeliveryEvent(
        version=VERSION,
        host=found.host,
        instance=found.instance,
        queue_id=found.queue_id,
        born=found.born,
        t=found.t,
        status=found.status,
        sender=found.sender,
        message_id=found.message_id,
        size=found.size if is_mail else None,
        nrcpt=found.nrcpt if is_mail else None,
        reason=found.reason if is_mail else None,
        recipient=found.recipient,
        orig_recipient=found.orig_recipient if is_renamed else None,
        relay=found.relay,
        dsn=found.dsn,
        response=found.response,
        delay=found.delay,
        attempts=found.attempts,
        next_queue_id=found.next_queue_id,
        probe=found.probe,
    )
