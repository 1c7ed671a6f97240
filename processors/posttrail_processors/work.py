"""What a worker does with one batch: read it, hand on what comes of it, count it."""

import asyncio
import time
from collections import Counter

from posttrail.logs import logger
from posttrail.metrics import FACTS, IGNORED, LINES, PROCESSOR_BATCH
from posttrail_processors.output import Output
from posttrail_processors.progress import Batch, Progress
from posttrail_processors.reading import Bug, Reader, Tally, read

log = logger("process")


class Work:
    """The agent's work; strictly one batch after the other."""

    def __init__(self, reader: Reader, output: Output, progress: Progress) -> None:
        self._reader = reader
        self._output = output
        self._progress = progress
        self.idle = asyncio.Event()
        """Set while no batch is in hand."""
        self.idle.set()

    async def handle(self, batch: Batch) -> None:
        """Return once the broker has all that came of the batch.

        Raises:
            posttrail.errors.Retry: an earlier batch was lost on its way here; start anew.
        """
        started = time.monotonic()
        self.idle.clear()
        try:
            reading = read(batch, self._reader)
            report(reading.bugs)
            await self._output.deliver(reading.facts, reading.letters)
            self._progress.delivered(batch)
        finally:
            self.idle.set()
        count(reading.tally)
        PROCESSOR_BATCH.observe(time.monotonic() - started)


def count(tally: Tally) -> None:
    """Add a batch to the metrics; called once it is done, so that they add up."""
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
