"""What a worker does with one batch: read it, hand on what comes of it, count it."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from mode import Service

from posttrail.logs import logger
from posttrail.metrics import FACTS, IGNORED, LINES, PROCESSOR_BATCH
from posttrail_processors.output import Output
from posttrail_processors.progress import Batch, Progress
from posttrail_processors.reading import Bug, Reader, Reading, Tally, read, read_lost

log = logger("process")

for kind in ("fact", "ignored", "foreign", "dead"):
    LINES.labels(kind)  # from the start, so that the first dead line is an increase, too


class Read(NamedTuple):
    """A batch that was read and is to be handed on."""

    batch: Batch
    reading: Reading
    done: Callable[[], object]
    began: float


class Work(Service):
    """Strictly one batch after the other; the next is read while one is on its way."""

    def __init__(self, reader: Reader, output: Output, progress: Progress, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._reader = reader
        self._output = output
        self._progress = progress
        self._read: asyncio.Queue[Read] = asyncio.Queue(1)
        self._in_hand = 0
        self.idle = asyncio.Event()
        """Set while no batch is in hand."""
        self.idle.set()

    async def handle(self, batch: Batch, done: Callable[[], object]) -> None:
        """Read a batch; return when it is next to be handed on.

        Args:
            batch: the lines.
            done: called once the broker has all that came of them.
        """
        began = time.monotonic()
        self._in_hand += 1
        self.idle.clear()
        reading = _read_lost(batch) if batch.is_lost else read(batch, self._reader)
        report(reading.bugs)
        await self._read.put(Read(batch, reading, done, began))

    @Service.task
    async def _hand_on(self) -> None:
        """What this raises ends the worker.

        Raises:
            posttrail.errors.Retry: an earlier batch was lost on its way here; start anew.
        """
        while True:
            work = await self._read.get()
            await self._output.deliver(work.reading.facts, work.reading.letters)
            self._progress.delivered(work.batch)
            work.done()
            self._count(work)

    def _count(self, work: Read) -> None:
        """The metrics count what is done, so that they add up."""
        count(work.reading.tally)
        PROCESSOR_BATCH.observe(time.monotonic() - work.began)
        self._in_hand -= 1
        if not self._in_hand:
            self.idle.set()


def _read_lost(batch: Batch) -> Reading:
    log.error(
        "lines were gone from the topic before a processor read them",
        partition=batch.partition[1],
        from_offset=batch.start,
        to_offset=batch.end,
    )
    return read_lost(batch, time.time_ns() // 1000, socket.gethostname())


def count(tally: Tally) -> None:
    """Add a batch to the metrics."""
    for kind, lines in tally.lines.items():
        LINES.labels(kind).inc(lines)
    for (component, action), lines in tally.ignored.items():
        IGNORED.labels(component, action).inc(lines)
    for fact, facts in tally.facts.items():
        FACTS.labels(fact.__struct_config__.tag).inc(facts)


def report(bugs: list[Bug]) -> None:
    """Say what struck how often in a batch, and where first; never the line."""
    counts = Counter(bug.error for bug in bugs)
    for error, lines in counts.items():
        partition, offset = next(bug.origin for bug in bugs if bug.error == error)
        log.error(
            "a bug: lines could not be read and became dead letters",
            error=error,
            lines=lines,
            partition=partition,
            offset=offset,
        )
