"""Ends a worker that takes nothing while lines wait, and one that cannot stop.

A worker without partitions watches those of the whole group: it may be that nobody has them.

A thread of its own with a client of its own: it works while the event loop is blocked or Faust's
consumer is dead. It ends the process at once, which is safe at any moment: what was not handed on
is not committed. Whoever runs the worker starts it anew.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from confluent_kafka import KafkaException

from posttrail import service
from posttrail.errors import Exit
from posttrail.logs import logger
from posttrail.metrics import LAG, PARTITIONS, failed
from posttrail.metrics_server import Health
from posttrail_processors.broker_view import BrokerView
from posttrail_processors.progress import Partition, Progress
from posttrail_processors.stall import Mark, Stall

STOP_SECONDS = 10
"""How long a stop may take before the process is ended."""

Positions: TypeAlias = Callable[[], Mapping[Partition, int | None]]

log = logger("process")


class Watchdog(threading.Thread):
    """Watches one worker until the process ends."""

    def __init__(
        self, broker: BrokerView, positions: Positions, progress: Progress, limit: float
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._broker = broker
        self._positions = positions
        self._progress = progress
        self._stall = Stall(limit)
        self._interval = min(10.0, limit / 8)
        self._limit = limit
        self._stopping = threading.Event()
        self._exit_code = Exit.OK
        self._reachable = True
        self._marks: Mapping[Partition, Mark] = {}

    def run(self) -> None:
        """Look now and then; after `stopping`, give the stop its time."""
        started = time.monotonic()
        while not self._stopping.wait(self._interval):
            self._look(time.monotonic(), started)
            service.alive()
        time.sleep(STOP_SECONDS)
        log.warning("the stop took too long and was cut short; nothing is lost")
        os._exit(self._exit_code)

    def stopping(self, exit_code: Exit) -> None:
        """The worker ends; the first word counts."""
        if not self._stopping.is_set():
            self._exit_code = exit_code
            self._stopping.set()

    def health(self) -> Health:
        """How the worker is; for any thread."""
        lag = sum(mark.lag for mark in self._marks.values())
        reason = self._waits_for()
        detail = {"partitions": len(self._marks), "lag": lag}
        return Health(live=True, ready=not reason, reason=reason, detail=detail)

    def _waits_for(self) -> str:
        if not self._reachable:
            return "Kafka does not answer"
        return "" if self._progress.joined else "waits for its consumer group"

    def _look(self, now: float, started: float) -> None:
        try:
            marks = self._marks_now()
            of_group = {} if marks else self._broker.marks_of_group()
        except (KafkaException, TimeoutError):
            if self._reachable:
                log.warning("Kafka does not answer: waiting")
            self._reachable = False
            failed("process")
            self._stall.forget()  # the broker is away: waiting is right
            return
        if not self._reachable:
            log.info("Kafka answers again")
        self._reachable = True
        self._show(marks)
        watched = marks or of_group
        if stalled := self._stall.seen(now, watched):
            why = "took nothing while lines wait" if marks else "nobody takes lines that wait"
            self._end(why, {one: watched[one] for one in stalled})
        if not self._progress.joined and now - started > self._limit:
            self._end("got no word from the consumer group", {})

    def _marks_now(self) -> Mapping[Partition, Mark]:
        """The partitions of this worker; it asks the broker even when there are none."""
        states = self._progress.states()
        ends = self._broker.ends(states)
        positions = self._positions()
        return {
            one: Mark(ends[one], positions.get(one), state.taken, state.done)
            for one, state in states.items()
        }

    def _show(self, marks: Mapping[Partition, Mark]) -> None:
        for topic, partition in self._marks.keys() - marks.keys():
            LAG.remove("process", topic, partition)
        for (topic, partition), mark in marks.items():
            LAG.labels("process", topic, partition).set(mark.lag)
        self._marks = marks
        PARTITIONS.labels("process").set(len(marks))

    def _end(self, why: str, stalled: Mapping[Partition, Mark]) -> None:
        places = {f"{topic}/{partition}": str(mark) for (topic, partition), mark in stalled.items()}
        log.critical("stalled: ending, to be started anew", why=why, at=places, after=self._limit)
        os._exit(Exit.FAILED)
