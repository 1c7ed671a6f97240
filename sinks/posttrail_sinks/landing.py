"""One batch into one transaction: rows, dead letters, offsets; all of it or nothing.

Runs in the thread that owns the database connection. A failure closes the connection and forgets
it; the caller claims its partitions again and reads from where they then stand, so that nobody has
to know whether a COMMIT whose answer was lost came through.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from posttrail import topics
from posttrail.errors import NotReady, Poison, Retry
from posttrail.records import AnyFact, GapFact
from posttrail_sinks import offsets
from posttrail_sinks.batches import Batch, Refused
from posttrail_sinks.database import (
    Connection,
    Cursor,
    break_off,
    connect,
    first_connection,
    understood,
)
from posttrail_sinks.offsets import Claim, Extent, Log, Skip

POISON_IN_A_ROW = 100
"""So many facts refused with none landed in between: the schema is wrong, not the facts."""

KEEP_UP_S = 60.0
"""How often a sink looks after the tables."""


class Writer(Protocol):
    """What lands facts: posttrail_sinks.writer."""

    def prepare_connection(self, connection: Connection) -> None: ...  # noqa: D102
    def prepare(self, facts: Sequence[AnyFact]) -> Any: ...  # noqa: D102
    def write(self, cursor: Cursor, prepared: Any) -> Any: ...  # noqa: D102


class Claimed(msgspec.Struct, frozen=True):
    """What a claim found."""

    claims: dict[int, Claim]
    skips: list[Skip]
    ended: list[int]
    """Server processes of former owners that had to be ended."""


class Landed(msgspec.Struct, frozen=True):
    """A batch whose transaction is committed."""

    batch: Batch
    refused: list[Refused]


class Store:
    """A database as one sink uses it: one connection, made when needed, never mended."""

    def __init__(
        self,
        dsn: str,
        writer: Writer,
        bury: Callable[[Sequence[Refused]], None],
        keep_up: Callable[[Connection], object],
    ) -> None:
        """Connects later.

        Args:
            dsn: libpq connection string.
            writer: lands facts.
            bury: sends refused records to `maillog.dead`; returns when they are there.
            keep_up: does what the tables need now and then, in transactions of its own.
        """
        self._dsn = dsn
        self._writer = writer
        self._bury = bury
        self._keep_up = keep_up
        self._keep_up_at = 0.0
        self._connection: Connection | None = None
        self._interrupted = False
        self._refused_in_a_row = 0
        self.owner = f"{socket.gethostname()}/{os.getpid()}"

    def open(self) -> None:
        """Connect at the start of the program.

        Raises:
            Unreachable: the server is not there or refuses us.
            NotReady: it has no schema, or another one.
        """
        try:
            self._adopt(first_connection(self._dsn, self._name))
        except BaseException:
            self.close()
            raise

    @property
    def _name(self) -> str:
        return f"posttrail-sink {self.owner}"

    def _adopt(self, connection: Connection) -> Connection:
        self._connection = connection
        with understood():
            self._writer.prepare_connection(connection)
        return connection

    def _connected(self) -> Connection:
        if self._interrupted:
            raise Retry("this sink ends")
        if self._connection is None:
            return self._adopt(connect(self._dsn, self._name))
        return self._connection

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def interrupt(self) -> None:
        """From another thread: make a call that hangs fail now, and connect no more."""
        self._interrupted = True
        connection = self._connection
        if connection is not None:
            break_off(connection)

    @contextlib.contextmanager
    def _trying(self) -> Any:
        try:
            with understood():
                yield self._connected()
        except Poison:
            self._roll_back()
            raise
        except BaseException:
            self.close()
            raise

    def _roll_back(self) -> None:
        """After a refused fact: nothing is wrong with the connection."""
        if self._connection is not None:
            with understood():
                self._connection.rollback()

    def claim(self, log: Log, extents: Mapping[int, Extent]) -> Claimed:
        """Claim partitions.

        Raises:
            Retry, Stop: as the database asks.
        """
        with self._trying() as connection:
            (claims, skips), ended = offsets.over_any_holder(
                connection, log, extents, lambda cursor: self._claim(cursor, log, extents)
            )
        return Claimed(claims, skips, ended)

    def _claim(
        self, cursor: Cursor, log: Log, extents: Mapping[int, Extent]
    ) -> tuple[dict[int, Claim], list[Skip]]:
        claims, skips = offsets.claim(cursor, log, self.owner, extents)
        if skips:
            self._note(cursor, skips)
        return claims, skips

    def _note(self, cursor: Cursor, skips: Sequence[Skip]) -> None:
        """A gap that the sink itself found is a row like any other."""
        now = time.time_ns() // 1000
        gaps = [
            GapFact(
                t=now,
                host=socket.gethostname(),
                origin=(-1 - skip.partition, skip.start),  # of no raw line: below 0
                source=topics.DELIVERIES.name,
                lines=skip.records,
                reason="facts were gone from the topic before a sink read them",
            )
            for skip in skips
        ]
        self._writer.write(cursor, self._writer.prepare(gaps))

    def tend(self, log: Log, epochs: Mapping[int, int]) -> None:
        """See that claims still hold, and now and then what the tables need.

        Raises:
            Fenced: one does not.
            Retry, Stop: as the database asks.
        """
        self._hold(log, epochs)
        if time.monotonic() >= self._keep_up_at:
            with self._trying() as connection:
                self._keep_up(connection)
            self._keep_up_at = time.monotonic() + KEEP_UP_S

    def _hold(self, log: Log, epochs: Mapping[int, int]) -> None:
        with self._trying() as connection, connection, connection.cursor() as cursor:
            offsets.hold(offsets.standing(cursor, log), epochs, log)

    def land(self, log: Log, batch: Batch, prepared: Any) -> Landed:
        """Commit a batch.

        Args:
            log: whose offsets move.
            batch: facts and the spans they came from.
            prepared: what the writer made of all its facts; None if it could not.

        Raises:
            Fenced: another sink has claimed one of the partitions; nothing was written.
            Retry, Stop: as the database or the broker asks; nothing was written, or the answer to
                COMMIT was lost.
        """
        try:
            if prepared is None:
                raise Poison("facts that cannot be encoded")  # noqa: TRY301  # same cure
            return self._commit(log, batch, prepared, batch.undecodable)
        except Retry:
            # What looks like trouble may be another sink at work on the same partitions.
            self._hold(log, {span.partition: span.epoch for span in batch.spans})
            raise
        except Poison:
            good, refused = self._parted(batch)
            found = batch.undecodable + refused
            return self._commit(log, good, self._writer.prepare(good.facts), found)

    def _commit(self, log: Log, batch: Batch, prepared: Any, refused: list[Refused]) -> Landed:
        with self._trying() as connection, connection, connection.cursor() as cursor:
            if batch.facts:
                self._writer.write(cursor, prepared)
            self._bury(refused)
            offsets.advance(cursor, log, batch.spans)
        if batch.facts:
            self._refused_in_a_row = 0
        return Landed(batch, refused)

    def _parted(self, batch: Batch) -> tuple[Batch, list[Refused]]:
        """The batch without the facts that PostgreSQL refuses, and these with its reasons."""
        refused = dict(self._refusals(batch.facts, 0))
        pairs = list(zip(batch.facts, batch.messages, strict=True))
        kept = [pair for index, pair in enumerate(pairs) if index not in refused]
        good = msgspec.structs.replace(
            batch, facts=[fact for fact, _ in kept], messages=[message for _, message in kept]
        )
        return good, [Refused(batch.messages[at], why) for at, why in sorted(refused.items())]

    def _refusals(self, facts: Sequence[AnyFact], first: int) -> list[tuple[int, str]]:
        """Which facts are refused, by halving; each try is rolled back."""
        try:
            self._try(facts)
        except Poison as error:
            if len(facts) == 1:
                self._count_refusal(error)
                return [(first, str(error))]
            half = len(facts) // 2
            left = self._refusals(facts[:half], first)
            return left + self._refusals(facts[half:], first + half)
        self._refused_in_a_row = 0
        return []

    def _try(self, facts: Sequence[AnyFact]) -> None:
        with self._trying() as connection, connection.cursor() as cursor:
            self._writer.write(cursor, self._writer.prepare(facts))
            connection.rollback()

    def _count_refusal(self, error: Poison) -> None:
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= POISON_IN_A_ROW:
            raise NotReady(
                f"PostgreSQL refused {self._refused_in_a_row} facts in a row, the last with: "
                f"{error}; is the schema this version's? run `posttrail migrate`"
            )
