"""Moves lines from a source to the publisher, decides when to commit, and goes on after errors.

Knows neither files nor the journal nor Kafka: `run(source, publisher, …)` is all a command calls.
"""

import time
from collections.abc import Callable
from threading import Event

import msgspec

from posttrail import logs, metrics, service
from posttrail.config import Producer
from posttrail.errors import BadInput, Retry
from posttrail.metrics_server import Health
from posttrail_producers.publisher import Publisher
from posttrail_producers.source import Batch, Source

READ_LINES = 2_000
"""Lines taken from the source at once."""
IDLE_S = 0.1
"""How long an idle source is left alone."""
LONGEST_BACKOFF_S = 15.0
STUCK_S = 180.0
"""A loop that has not turned for so long waits for nothing that will come."""
LAST_COMMIT_S = 1.5
"""What is left for the last commit when the process is told to end."""


class Totals(msgspec.Struct):
    """What one run has committed, and what went wrong last."""

    lines: int = 0
    size: int = 0
    commits: int = 0
    last_commit: float = 0
    """Seconds since 1970; 0: none yet."""
    last_error: str = ""


class _Open(msgspec.Struct):
    """The transaction that is open."""

    lines: int = 0
    size: int = 0
    since: float = 0
    positions: dict[str, bytes] = {}
    asked: bool = False

    def add(self, batch: Batch) -> None:
        if not self.positions:
            self.since = time.monotonic()
        self.lines += len(batch.records)
        self.size += batch.size
        self.positions |= batch.positions
        self.asked = self.asked or batch.commit

    def is_due(self, limits: Producer) -> bool:
        old = time.monotonic() - self.since >= limits.max_delay_before_commit
        return bool(self.positions) and (
            self.asked or old or self.lines >= limits.max_lines_before_commit
        )


class Pump:
    """One source, one publisher, until the source is finished or `stop` is set."""

    def __init__(
        self,
        source: Source,
        publisher: Publisher,
        limits: Producer,
        stop: Event,
        on_commit: Callable[[Totals], None] | None = None,
    ) -> None:
        """`on_commit` is called after every commit (and must be quick)."""
        self._source = source
        self._publisher = publisher
        self._limits = limits
        self._stop = stop
        self._on_commit = on_commit
        self.totals = Totals()
        self._log = logs.logger("producer").bind(source=source.id)
        self._failures = 0
        self._is_open = False
        self._turned = time.monotonic()

    def health(self) -> Health:
        """How this producer is; asked by another thread."""
        return Health(
            live=time.monotonic() - self._turned < STUCK_S,
            ready=self._is_open,
            reason="" if self._is_open else self.totals.last_error or "takes its source in Kafka",
            detail={"source": self._source.id, **msgspec.structs.asdict(self.totals)},
        )

    def run(self) -> Totals:
        """Until the end; what was read is committed then.

        Raises:
            posttrail.errors.Stop: only a person can mend what happened. What came before is
                committed, when the source raised it.
        """
        while True:
            try:
                self._source.resume(self._publisher.open())
                service.ready()
                self._is_open = True
                self._move_all()
            except Retry as error:
                self._is_open = False
                self.totals.last_error = str(error)
                if self._stop.is_set():
                    self._publisher.drop()
                    return self.totals
                self._back_off(error)
            else:
                return self.totals

    def _back_off(self, error: Retry) -> None:
        seconds = min(LONGEST_BACKOFF_S, 0.5 * 2**self._failures)
        self._failures += 1
        metrics.PRODUCER_RETRIES.labels(self._source.id).inc()
        metrics.failed("producer")
        self._log.warning("not committed, trying again", reason=str(error), seconds=seconds)
        service.alive()  # the broker is away, not this program
        self._turned = time.monotonic()
        self._stop.wait(seconds)

    def _move_all(self) -> None:
        pending = _Open()
        try:
            while not (self._stop.is_set() or (self._source.finished and not pending.positions)):
                pending = self._move_some(pending)
        except BadInput:
            self._commit(pending)  # the source cannot go on: keep what it gave so far
            raise
        self._commit(pending)

    def _move_some(self, pending: _Open) -> _Open:
        service.alive()
        self._turned = time.monotonic()
        room = self._limits.max_lines_before_commit - pending.lines
        batch = self._source.read(max(1, min(READ_LINES, room)))
        if batch.positions:
            pending.add(batch)
            self._publisher.send(batch.records)
        if pending.is_due(self._limits) or (self._source.finished and pending.positions):
            self._commit(pending)
            return _Open()
        if not batch.positions:
            self._source.wait(IDLE_S)
        return pending

    def _commit(self, pending: _Open) -> None:
        if not pending.positions:
            return
        if self._stop.is_set():
            self._publisher.commit(pending.positions, LAST_COMMIT_S)
        else:
            self._publisher.commit(pending.positions)
        self._count(pending)

    def _count(self, pending: _Open) -> None:
        self._failures = 0
        self.totals.lines += pending.lines
        self.totals.size += pending.size
        self.totals.commits += 1
        self.totals.last_commit = time.time()
        metrics.PRODUCED_LINES.labels(self._source.id).inc(pending.lines)
        metrics.PRODUCED_BYTES.labels(self._source.id).inc(pending.size)
        metrics.PRODUCER_COMMITS.labels(self._source.id).inc()
        if self._on_commit is not None:
            self._on_commit(self.totals)
