"""Ends a worker that takes nothing while lines wait, and one that cannot stop.

A thread of its own with a client of its own: it works while the event loop is blocked or Faust's
consumer is dead. It ends the process at once, which is safe at any moment: what was not handed on
is not committed. Whoever runs the worker starts it anew.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail import service
from posttrail.config import Settings
from posttrail.errors import Exit
from posttrail.kafka_clients import base
from posttrail.logs import logger
from posttrail.metrics import LAG, PARTITIONS, failed
from posttrail.metrics_server import Health
from posttrail.topics import RAW
from posttrail_processors.progress import Partition, Progress
from posttrail_processors.stall import Mark, Stall

STOP_SECONDS = 10
"""How long a stop may take before the process is ended."""
ASK_SECONDS = 5.0

Ends: TypeAlias = Callable[[Iterable[Partition]], Mapping[Partition, int]]
Positions: TypeAlias = Callable[[], Mapping[Partition, int | None]]

log = logger("process")


class Watchdog(threading.Thread):
    """Watches one worker until the process ends."""

    def __init__(self, ends: Ends, positions: Positions, progress: Progress, limit: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._ends = ends
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
        states = self._progress.states()
        try:
            ends = self._ends(states)
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
        positions = self._positions()
        marks = {
            one: Mark(ends[one], positions.get(one), state.taken, state.done)
            for one, state in states.items()
        }
        self._show(marks)
        if stalled := self._stall.seen(now, marks):
            self._end("took nothing while lines wait", {one: marks[one] for one in stalled})
        if not self._progress.joined and now - started > self._limit:
            self._end("got no word from the consumer group", {})

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


def last_stable_offsets(settings: Settings) -> Ends:
    """A function that asks the broker up to where partitions can be read.

    It raises KafkaException or TimeoutError when the broker does not answer in time; it asks for
    one more partition, so that it asks even when a worker has none.
    """
    always = (RAW.full_name(settings.kafka.prefix), 0)
    admin = AdminClient(base(settings, "watchdog"), logger=logging.getLogger("posttrail.kafka"))

    def ask(partitions: Iterable[Partition]) -> dict[Partition, int]:
        wanted = {TopicPartition(*one): OffsetSpec.latest() for one in {*partitions, always}}
        answers = admin.list_offsets(
            wanted,
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ASK_SECONDS,
        )
        return {
            (one.topic, one.partition): answer.result(ASK_SECONDS).offset
            for one, answer in answers.items()
        }

    return ask
