"""How long partitions stand still when workers join, leave, are killed or freeze.

Four processors and four sinks on six partitions each, a steady stream of lines on every partition.
A partition's pause is the longest time without a fact of it on `maillog.deliveries` (processors)
or without a move of its offset in PostgreSQL (sinks), within the seconds after the event. Whether
anything was lost or came twice is asked of the same run at its end.
"""

import argparse
import random
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psycopg2
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from posttrail import topics
from posttrail.records import decode_fact
from tests.mail_hosts import Host
from tests.pipe import Pipe, Servers, Stage, running

WORKERS = 4
WATCHED_S = 11.0
"""How long after an event is looked at; a frozen worker thaws before its end."""
FROZEN_S = 9.0
TICK_S = 0.05
PARTITIONS = topics.RAW.partitions


class Feed(threading.Thread):
    """One line on each partition of maillog.raw, every TICK_S."""

    def __init__(self, pipe: Pipe, host: Host) -> None:
        super().__init__(daemon=True)
        self._pipe, self._host = pipe, host
        self._name = topics.RAW.full_name(pipe.world.prefix)
        self._producer = Producer({"bootstrap.servers": pipe.world.bootstrap, "linger.ms": 0})
        self.ending = threading.Event()

    def run(self) -> None:
        """Until told to end."""
        while not self.ending.is_set():
            lines = self._host.log(PARTITIONS)
            for number, line in enumerate(lines):
                # A mail's lines stay together: per-id order is what a host's partition gives.
                self._producer.produce(self._name, line, b"host", partition=number % PARTITIONS)
                self._pipe.sent += 1
                if number % PARTITIONS == PARTITIONS - 1:
                    self._producer.poll(0)
                    time.sleep(TICK_S)
        self._producer.flush(30)


class Gaps:
    """The longest time without a sign of life, by partition."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._longest: dict[int, float] = {}

    def begin(self) -> None:
        """From now on."""
        now = time.monotonic()
        self._seen = dict.fromkeys(range(PARTITIONS), now)
        self._longest = dict.fromkeys(range(PARTITIONS), 0.0)

    def seen(self, partition: int) -> None:
        """A sign of life."""
        now = time.monotonic()
        gap = now - self._seen.get(partition, now)
        self._longest[partition] = max(self._longest.get(partition, 0.0), gap)
        self._seen[partition] = now

    def all_seen(self) -> bool:
        """Whether every partition has shown life."""
        return len(self._seen) == PARTITIONS

    def longest(self) -> list[float]:
        """Seconds, of every partition; one that is still silent counts up to now."""
        for partition in range(PARTITIONS):
            self.seen(partition)
        return list(self._longest.values())


class FactsWatch(threading.Thread):
    """Signs of life of processors: facts, by the partition of their lines."""

    def __init__(self, pipe: Pipe, gaps: Gaps) -> None:
        super().__init__(daemon=True)
        self._gaps = gaps
        self._consumer = Consumer(
            {
                "bootstrap.servers": pipe.world.bootstrap,
                "group.id": "rebalance",
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "fetch.wait.max.ms": 20,
            }
        )
        name = topics.DELIVERIES.full_name(pipe.world.prefix)
        places = [TopicPartition(name, part, OFFSET_END) for part in range(PARTITIONS)]
        self._consumer.assign(places)
        self.ending = threading.Event()

    def run(self) -> None:
        """Until told to end."""
        while not self.ending.is_set():
            for message in self._consumer.consume(500, 0.02):
                if message.error() is None:
                    self._gaps.seen(decode_fact(message.value()).origin[0])
        self._consumer.close()


class OffsetsWatch(threading.Thread):
    """Signs of life of sinks: offsets in PostgreSQL that move."""

    def __init__(self, pipe: Pipe, gaps: Gaps) -> None:
        super().__init__(daemon=True)
        self._gaps, self._dsn = gaps, pipe.servers.dsn
        self.ending = threading.Event()

    def run(self) -> None:
        """Until told to end."""
        stood: dict[int, int] = {}
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not self.ending.wait(0.03):
                cursor.execute("SELECT part, next_offset FROM sink_offset")
                for part, offset in cursor.fetchall():
                    if offset != stood.get(part):
                        stood[part] = offset
                        self._gaps.seen(part)


class Event(NamedTuple):
    """Something that happens to the workers of a stage."""

    name: str
    happens: Callable[[Pipe, str], Stage | None]


def _joins(pipe: Pipe, kind: str) -> None:
    pipe.add(kind)


def _leaves(pipe: Pipe, kind: str) -> None:
    pipe.remove(pipe.stages[kind][0])


def _is_killed(pipe: Pipe, kind: str) -> None:
    pipe.any(kind).signal(signal.SIGKILL)


def _freezes(pipe: Pipe, kind: str) -> Stage:
    stage = pipe.any(kind)
    stage.signal(signal.SIGSTOP)
    return stage


EVENTS = (
    Event("a fifth joins", _joins),
    Event("one leaves (SIGTERM)", _leaves),
    Event("kill -9, started anew", _is_killed),
    Event(f"one freezes for {FROZEN_S:.0f} s", _freezes),
)


def _happen(pipe: Pipe, kind: str, event: Event, gaps: Gaps) -> list[float]:
    gaps.begin()
    frozen = event.happens(pipe, kind)
    pipe.pause(FROZEN_S)
    if frozen is not None:
        frozen.signal(signal.SIGCONT)
    pipe.pause(WATCHED_S - FROZEN_S)
    found = gaps.longest()
    pipe.pause(4)  # the group comes to rest
    return found


def measure(pipe: Pipe, kind: str, gaps: Gaps, rounds: int) -> Iterator[str]:
    """All events, so many times; a row of the table for each."""
    found: dict[str, list[float]] = {event.name: [] for event in EVENTS}
    for _ in range(rounds):
        for event in EVENTS:
            found[event.name] += _happen(pipe, kind, event, gaps)
    for name, pauses in found.items():
        still = sum(pause > 1 for pause in pauses) / len(pauses)
        yield (
            f"| {kind} | {name} | {statistics.median(pauses):.2f} | {max(pauses):.2f} "
            f"| {still:.0%} |"
        )


def run(directory: Path, rounds: int) -> None:
    """Start everything, measure, ask the oracle."""
    servers = Servers(directory)
    try:
        with running(
            servers, producers=0, processors=WORKERS, sinks=WORKERS, dice=random.Random(1)
        ) as pipe:
            host = pipe.new_host("mx.example.com", long=True)
            feed, facts, offsets = Feed(pipe, host), Gaps(), Gaps()
            watches: list[FactsWatch | OffsetsWatch] = [
                FactsWatch(pipe, facts), OffsetsWatch(pipe, offsets)
            ]  # fmt: skip
            feed.start()
            for watch in watches:
                watch.start()
            while not (facts.all_seen() and offsets.all_seen()):
                pipe.pause(1)
            pipe.pause(5)
            print("| workers | event | pause p50, s | max, s | partitions that paused > 1 s |")
            print("|---|---|---|---|---|")
            for kind, gaps in (("process", facts), ("sink", offsets)):
                for row in measure(pipe, kind, gaps, rounds):
                    print(row, flush=True)
            feed.ending.set()
            feed.join()
            pipe.settle(300)
            for watch in watches:
                watch.ending.set()
                watch.join()
            print(f"{pipe.sent} lines: {pipe.judge([host])}")
    finally:
        servers.stop()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posttrail-rebalance-") as directory:
        run(Path(directory), given.rounds)


if __name__ == "__main__":
    main()
