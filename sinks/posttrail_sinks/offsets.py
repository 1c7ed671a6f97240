"""Where a group of sinks stands: `sink_offset`, moved in the transaction that lands the rows.

A partition is claimed before it is read: the claim raises its epoch, and a sink that still holds
the older epoch can commit nothing more. So it does not matter what the consumer group believes, or
how late: at any time one sink at the most can move a partition, and only from where it stands.
Knows no Kafka client: offsets come in as numbers.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec
import psycopg2.errors

from posttrail.errors import Fenced
from posttrail_sinks.database import Connection, Cursor
from posttrail_sinks.queries import query

Result = TypeVar("Result")

LOCK_TIMEOUT_MS = 2000
"""How long a claim waits for the former owner's transaction before it ends that session."""
_TRIES = 5


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Whose offsets are meant: one group of sinks on one life of one topic."""

    group: str
    topic: str
    """Full name."""
    topic_id: str
    """Kafka's own id: another one after the topic was deleted and made anew."""


class Extent(msgspec.Struct, frozen=True):
    """What of a partition can be read: offsets from `first` up to but not including `end`."""

    first: int
    end: int


class Claim(msgspec.Struct, frozen=True):
    """The right to move a partition on from where it stands."""

    partition: int
    epoch: int
    next_offset: int


class Span(msgspec.Struct, frozen=True):
    """Records of a partition from `start` up to but not including `end`, read under a claim."""

    partition: int
    epoch: int
    start: int
    end: int


class Skip(msgspec.Struct, frozen=True):
    """Records that were gone from the topic before any sink had read them."""

    partition: int
    start: int
    end: int
    """Where reading goes on; less than start where the topic lost its end."""

    @property
    def records(self) -> int | None:
        """How many are missing; None when nobody can know."""
        return self.end - self.start if self.end > self.start else None


def _identity(log: Log) -> dict[str, str]:
    return {"grp": log.group, "topic": log.topic, "topic_id": log.topic_id}


def standing(cursor: Cursor, log: Log) -> dict[int, Claim]:
    """Where the group stands in each partition that was ever claimed; claims nothing."""
    cursor.execute(query("standing"), _identity(log))
    return {part: Claim(part, epoch, offset) for part, epoch, offset in cursor.fetchall()}


def _take(cursor: Cursor, log: Log, owner: str, extents: Mapping[int, Extent]) -> list[Claim]:
    parts = sorted(extents)
    firsts = [extents[part].first for part in parts]
    cursor.execute(
        query("claim"), _identity(log) | {"owner": owner, "parts": parts, "firsts": firsts}
    )
    return [Claim(part, epoch, offset) for part, epoch, offset in cursor.fetchall()]


def skips(claims: Iterable[Claim], extents: Mapping[int, Extent]) -> list[Skip]:
    """Which claims stand outside of what can still be read, and where they have to go on."""
    found = []
    for claim in claims:
        extent = extents[claim.partition]
        nearest = max(extent.first, min(claim.next_offset, extent.end))
        if nearest != claim.next_offset:
            found.append(Skip(claim.partition, claim.next_offset, nearest))
    return found


def put(cursor: Cursor, log: Log, owner: str, offsets: Mapping[int, int]) -> list[Claim]:
    """Stand at these offsets under new epochs, whoever held the partitions."""
    parts = sorted(offsets)
    given = {"owner": owner, "parts": parts, "offsets": [offsets[part] for part in parts]}
    cursor.execute(query("set_offset"), _identity(log) | given)
    return [Claim(part, epoch, offset) for part, epoch, offset in cursor.fetchall()]


def claim(
    cursor: Cursor, log: Log, owner: str, extents: Mapping[int, Extent]
) -> tuple[dict[int, Claim], list[Skip]]:
    """Claim partitions inside the caller's transaction.

    A partition that no sink of the group ever had starts at the topic's beginning. One that stands
    where nothing can be read any more goes on at the nearest offset: the second value tells which.
    """
    claims = {found.partition: found for found in _take(cursor, log, owner, extents)}
    missed = skips(claims.values(), extents)
    if missed:
        moved = put(cursor, log, owner, {skip.partition: skip.end for skip in missed})
        claims |= {found.partition: found for found in moved}
    return claims, missed


def advance(cursor: Cursor, log: Log, spans: Iterable[Span]) -> None:
    """Move the offsets in the transaction of the rows.

    Raises:
        Fenced: another sink has claimed a partition, or somebody set it elsewhere; roll back.
    """
    ordered = sorted(spans, key=lambda span: span.partition)
    given = {
        "parts": [span.partition for span in ordered],
        "epochs": [span.epoch for span in ordered],
        "froms": [span.start for span in ordered],
        "tos": [span.end for span in ordered],
    }
    cursor.execute(query("advance"), _identity(log) | given)
    moved = {part for (part,) in cursor.fetchall()}
    lost = [span.partition for span in ordered if span.partition not in moved]
    if lost:
        raise _fenced(lost, log)


def hold(standing: Mapping[int, Claim], epochs: Mapping[int, int], log: Log) -> None:
    """Check that claims with these epochs are what stands.

    Raises:
        Fenced: another claim came after one of them.
    """
    lost = [
        partition
        for partition, epoch in epochs.items()
        if partition not in standing or standing[partition].epoch != epoch
    ]
    if lost:
        raise _fenced(lost, log)


def _fenced(partitions: list[int], log: Log) -> Fenced:
    return Fenced(f"partitions {sorted(partitions)} of {log.topic} were claimed anew or set back")


def wait_no_longer(cursor: Cursor) -> None:
    """Let the transaction's statements wait LOCK_TIMEOUT_MS for a lock at the most."""
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_TIMEOUT_MS}ms",))


def end_holders(connection: Connection, log: Log, partitions: Iterable[int]) -> list[int]:
    """End the sessions that hold these partitions' rows; returns their process ids.

    For a former owner that is frozen in the middle of its transaction: a session that waits inside
    COPY for its client is ended neither by statement_timeout nor by
    idle_in_transaction_session_timeout. Its transaction rolls back; the fence guards the rest.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(query("end_holders"), _identity(log) | {"parts": list(partitions)})
        return [pid for pid, _ in cursor.fetchall()]


def over_any_holder(
    connection: Connection, log: Log, partitions: Iterable[int], work: Callable[[Cursor], Result]
) -> tuple[Result, list[int]]:
    """Do this work in a transaction of its own, over the head of a frozen owner if need be.

    Returns the work's result and the process ids of the sessions that had to be ended.
    """
    wanted = list(partitions)
    ended: list[int] = []
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection, connection.cursor() as cursor:
                wait_no_longer(cursor)
                return work(cursor), ended
        except psycopg2.errors.LockNotAvailable:
            if not tries_left:
                raise
            ended += end_holders(connection, log, wanted)
    raise AssertionError("the last try returns or raises")
