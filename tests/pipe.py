"""The whole pipe as production runs it: servers, several producers, processors and sinks as
processes of their own, each started anew when it ends, as a service manager does.

Faults (tests/faults.py) are done to it from outside; what came of it all is the oracle's to judge.
"""

import functools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg2
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_embedded.database import EmbeddedPostgres
from posttrail_embedded.process import Child
from posttrail_sinks.migrate import migrate

from posttrail import topics
from posttrail.dead_letters import DeadLetter, read
from posttrail.identity import SECOND
from posttrail.records import Origin, decode_fact
from posttrail.topics import Topic
from tests import oracle
from tests.fault.proxy import Proxy, in_front_of
from tests.fix_postgres import execute, on_database
from tests.mail_hosts import Host
from tests.oracle import Verdict
from tests.processor_world import World, ends_of
from tests.waiting import eventually

START_PAUSE_S = 0.5
"""How long a stage that ended stays away, as RestartSec of a unit."""
KINDS = ("produce", "process", "sink")
_PROGRAM = (sys.executable, "-m", "posttrail.cli")


class Stage:
    """One process of a stage."""

    def __init__(self, name: str, words: Sequence[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self._words, self._env, self._log = words, env, log
        self._ended_at = 0.0
        self.starts = 0
        self.wanted = True
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self._ended_at = 0.0
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [*_PROGRAM, *self._words],
                env=self._env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def tend(self) -> None:
        """Start it anew if it ended a moment ago."""
        if self.process.poll() is None or not self.wanted:
            return
        if not self._ended_at:
            self._ended_at = time.monotonic()
        elif time.monotonic() - self._ended_at > START_PAUSE_S:
            self._start()

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def end(self, seconds: float = 30) -> None:
        """For good, in good order if it can."""
        self.wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.process.kill()
        self.process.wait()


class Servers:
    """A Kafka and a PostgreSQL that may be hurt, each with its data in a directory of its own."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory
        self.kafka = EmbeddedKafka(directory / "kafka", directory / "kafka.log")
        self.postgres = EmbeddedPostgres(
            directory / "postgres", directory / "postgres.log", durable=durable
        )
        self.kafka.start()
        self.postgres.start()
        self.dsn = self._database("pipe")
        self.truth_dsn = self._database("truth")

    def _database(self, name: str) -> str:
        execute(self.postgres.dsn("postgres"), f"CREATE DATABASE {name}")
        found = on_database(self.postgres.dsn("postgres"), name)
        migrate(found)
        return found

    @staticmethod
    def signal(server: EmbeddedKafka | EmbeddedPostgres, number: signal.Signals) -> None:
        assert server.child is not None
        os.killpg(server.child.pid, number)

    def kill(self, server: EmbeddedKafka | EmbeddedPostgres) -> None:
        """kill -9."""
        self.signal(server, signal.SIGKILL)
        assert server.child is not None
        server.child.wait()

    def start_again(self, server: EmbeddedKafka | EmbeddedPostgres, seconds: float = 90) -> None:
        """Until it answers; a server that does not come up is started once more."""
        child: Child = server.child or server.start_again()
        deadline = time.monotonic() + seconds
        while not server._is_ready():
            assert time.monotonic() < deadline, f"{type(server).__name__} did not come back"
            if child.exit_code() is not None:
                child = server.start_again()
            time.sleep(0.1)

    def stop(self) -> None:
        self.kafka.stop()
        self.postgres.stop()


class Kept(NamedTuple):
    """What is kept of a record."""

    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    ms: int
    """Milliseconds since 1970 UTC."""

    def letter(self) -> DeadLetter:
        """The record as a dead letter."""
        return read(self.key, self.value, self.headers, self.ms)


class Records:
    """The committed records of a topic, read as they come."""

    def __init__(self, world: World, topic: Topic) -> None:
        self._name = topic.full_name(world.prefix)
        self._bootstrap = world.bootstrap
        self._partitions = range(topic.partitions)
        self.found: dict[Origin, Kept] = {}

    @functools.cached_property
    def _consumer(self) -> Consumer:
        """Made when it is needed: one that nobody polled for ten minutes, while the broker came and
        went, found no leader for another minute."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "pipe",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        consumer.assign([TopicPartition(self._name, part, 0) for part in self._partitions])
        return consumer

    def read(self) -> int:
        """How many there are by now."""
        for message in self._consumer.consume(5000, 0.05):
            if message.error() is None:
                self.found[message.partition(), message.offset()] = Kept(
                    message.key(), message.value(), message.headers() or (), message.timestamp()[1]
                )
            else:
                assert message.error().code() != KafkaError._AUTO_OFFSET_RESET, message.error()
        return len(self.found)

    def ends(self) -> dict[int, int]:
        """Where the next record of each partition will stand."""
        return ends_of(self._consumer, self._name, self._partitions, 60)

    def read_all(self) -> list[Kept]:
        """All up to the end of now; for topics without transactions."""
        last = {(part, end - 1) for part, end in self.ends().items() if end}
        eventually(lambda: not last or (self.read() and last <= self.found.keys()))
        return list(self.found.values())

    def close(self) -> None:
        self._consumer.close()


class Pipe:
    """Servers, topics, stages, mail hosts."""

    def __init__(self, servers: Servers, proxy: Proxy, dsn: str, dice: random.Random) -> None:
        self.servers, self.proxy, self.dice = servers, proxy, dice
        self.world = World.new(servers.kafka.bootstrap)
        self.raw = Records(self.world, topics.RAW)
        self._deliveries = Records(self.world, topics.DELIVERIES)
        self._dead = Records(self.world, topics.DEAD)
        self._env = self.world.environment(
            postgres__dsn=dsn,
            producer__max_delay_before_commit="0.1",
            sink__batch_seconds="0.1",
            sink__batch_facts="500",
            processor__max_poll_lines="500",
            logs__level="warning",
        )
        self.stages: dict[str, list[Stage]] = {kind: [] for kind in KINDS}
        self.hosts: list[Host] = []
        self._logs: list[Path] = []
        self.sent = 0
        """Lines that were given to a producer, or put on the raw topic past them."""

    # Stages.

    def add(self, kind: str) -> Stage:
        """One more process of a stage; a producer gets a log of its own."""
        number = len(self.stages[kind])
        words = [kind]
        if kind == "produce":
            log = self.servers.directory / f"mail{number}.log"
            log.touch()
            self._logs.append(log)
            words = ["produce", "file", "--follow", str(log)]
        name = f"{kind}{number}"
        stage = Stage(name, words, self._env, self.servers.directory / f"{name}.log")
        self.stages[kind].append(stage)
        return stage

    def remove(self, stage: Stage) -> None:
        """Scale in by one."""
        stage.end()
        for some in self.stages.values():
            if stage in some:
                some.remove(stage)

    def any(self, kind: str) -> Stage:
        """One of a kind, by the dice."""
        return self.dice.choice(self.stages[kind])

    def tend(self) -> None:
        """What a service manager does."""
        for some in self.stages.values():
            for stage in some:
                stage.tend()

    def pause(self, seconds: float) -> None:
        """Let time go by under the eyes of the service manager."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            self.raw.read()

    # Lines.

    def new_host(self, name: str, *, long: bool) -> Host:
        """A mail host that nothing knows yet; its clock shows some time ago."""
        host = Host(name, (int(time.time()) - 40_000) * SECOND, long=long)
        self.hosts.append(host)
        return host

    def log(self, host: Host, mails: int) -> None:
        """More mails of a host, to the log of always the same producer."""
        lines = host.log(mails)
        log = self._logs[self.hosts.index(host) % len(self._logs)]
        with log.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))
        self.sent += len(lines)

    def put(self, lines: Sequence[bytes]) -> None:
        """Lines on the raw topic as another shipper brings them."""
        self.world.write(lines)
        self.sent += len(lines)

    # Waiting and judging.

    def _stands(self) -> dict[int, int]:
        ask = "SELECT part, next_offset FROM sink_offset"
        with closing(psycopg2.connect(self.servers.dsn)) as connection, connection.cursor() as at:
            at.execute(ask)
            return dict(at.fetchall())

    def wait_for_lines(self, seconds: float = 90) -> None:
        """Until every line stands on the raw topic."""

        def are_there() -> bool:
            self.tend()
            return self.raw.read() >= self.sent

        eventually(are_there, seconds)

    def settle(self, seconds: float = 120) -> None:
        """Until every line that was sent has come to rest in the tables."""
        self.wait_for_lines(seconds)
        raw_ends = self.world.ends()
        with self.world.consumer() as consumer:
            self._wait_for_group(consumer, raw_ends, seconds)
        ends = self._deliveries.ends()
        eventually(lambda: self._tended() and self._landed(ends), seconds)

    def _tended(self) -> bool:
        self.tend()
        return True

    def _wait_for_group(self, consumer: Consumer, ends: dict[int, int], seconds: float) -> None:
        name = topics.RAW.full_name(self.world.prefix)
        asked = [TopicPartition(name, part) for part in ends]

        def has_them() -> bool:
            self.tend()
            with suppress(KafkaException):  # a coordinator that is just being chosen
                found = consumer.committed(asked, 30)
                return all(
                    one.offset >= ends[one.partition] or not ends[one.partition] for one in found
                )
            return False

        eventually(has_them, seconds)

    def _landed(self, ends: dict[int, int]) -> bool:
        with suppress(psycopg2.Error):
            stands = self._stands()
            return all(stands.get(part, 0) >= end for part, end in ends.items())
        return False

    def judge(self, hosts: Sequence[Host], *, repeats: Sequence[bytes] = ()) -> Verdict:
        """The oracle's word on these hosts, once settled.

        Args:
            hosts: whose lines and rows are looked at.
            repeats: lines of theirs that a shipper has brought once more.
        """
        verdict = Verdict()
        names = [host.name for host in hosts]
        raw = {
            origin: one.value
            for origin, one in sorted(self.raw.found.items())
            if one.value.split(b" ")[1].decode() in names
        }
        written = [line for host in hosts for line in host.lines]
        oracle.compare_raw(verdict, [*written, *repeats], raw.values())
        reading = oracle.Reading(raw)
        facts = [decode_fact(one.value) for one in self._deliveries.read_all()]
        letters = [one.letter() for one in self._dead.read_all()]
        oracle.compare_topics(
            verdict,
            reading,
            [fact for fact in facts if fact.host in names],
            [letter for letter in letters if letter.origin in raw],
        )
        self._judge_rows(verdict, hosts, raw, reading, is_repeated=bool(repeats))
        return verdict

    def _judge_rows(
        self,
        verdict: Verdict,
        hosts: Sequence[Host],
        raw: dict[Origin, bytes],
        reading: oracle.Reading,
        *,
        is_repeated: bool,
    ) -> None:
        names = [host.name for host in hosts]
        if is_repeated:
            first: dict[bytes, Origin] = {}
            for origin, line in raw.items():
                first.setdefault(line, origin)
            reading = oracle.Reading({origin: line for line, origin in first.items()})
        oracle.compare_classes(verdict, reading, hosts)
        truth = oracle.clean_run(self.servers.truth_dsn, reading.facts, names)
        found = oracle.rows(self.servers.dsn, names)
        without = oracle.WHICH_COPY if is_repeated else frozenset[str]()
        oracle.compare_rows(verdict, truth, found, without=without)
        oracle.compare_mails(verdict, hosts, found)

    def end(self) -> None:
        for some in self.stages.values():
            for stage in some:
                stage.signal(signal.SIGCONT)
                stage.signal(signal.SIGTERM)
        for some in self.stages.values():
            for stage in some:
                stage.end()
        for records in (self.raw, self._deliveries, self._dead):
            records.close()


@contextmanager
def running(
    servers: Servers, *, producers: int, processors: int, sinks: int, dice: random.Random
) -> Iterator[Pipe]:
    """A pipe until the block ends; its way to PostgreSQL leads through a proxy."""
    with ExitStack() as stack:
        proxy, through = stack.enter_context(in_front_of(servers.dsn))
        pipe = Pipe(servers, proxy, through, dice)
        stack.callback(pipe.end)
        for kind, count in (("produce", producers), ("process", processors), ("sink", sinks)):
            for _ in range(count):
                pipe.add(kind)
        yield pipe
