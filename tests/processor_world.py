"""Log lines, workers as processes of their own, and what they made: for tests of the processor."""

import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from posttrail_processors.reading import reader_of

from posttrail import config, topics
from posttrail.config import Processor
from posttrail.dead_letters import DeadLetter, read
from posttrail.records import AnyFact, LineClass, Origin, decode_fact
from posttrail.topic_admin import make_missing
from posttrail.topics import Topic
from tests.waiting import eventually

PROGRAM = "from posttrail.cli import main; main()"
_LINES = (
    "qmgr[2]: {id}: from=<anna@example.com>, size=1365, nrcpt=2 (queue active)",
    "smtpd[3]: connect from mx.example.com[192.0.2.1]",
    "lmtp[4]: {id}: to=<bob@example.net>, relay=none, delay=1.2, dsn=2.0.0, status=sent (ok)",
    "qmgr[2]: {id}: removed",
    "smtpd[3]: {id}: a shape that nobody knows",
)


def lines(count: int, first: int = 0) -> list[bytes]:
    """Lines of every class, in turn; no two are equal."""
    made = []
    for number in range(first, first + count):
        stamp = (
            f"2026-11-23T11:{number // 60 % 60:02d}:{number % 60:02d}.{number % 10**6:06d}+00:00"
        )
        text = _LINES[number % len(_LINES)].format(id=f"4{number:09X}")
        said = f"postfix/{text}" if number % 11 else f"sshd[9]: session {number} closed"
        made.append(f"{stamp} mx{number % 7} {said}".encode())
    return made


def ends_of(
    consumer: Consumer, topic: str, partitions: Iterable[int], seconds: float
) -> dict[int, int]:
    """The end of every partition; a broker that was frozen may lead none for a moment."""
    wanted = set(partitions)
    ends: dict[int, int] = {}

    def known() -> bool:
        for part in wanted - ends.keys():
            with suppress(KafkaException):
                ends[part] = consumer.get_watermark_offsets(TopicPartition(topic, part), 20)[1]
        return ends.keys() == wanted

    eventually(known, seconds)
    return ends


class Seen(NamedTuple):
    """What stands on the topics now."""

    raw: dict[Origin, bytes]
    facts: list[AnyFact]
    letters: list[DeadLetter]

    def expected(self) -> dict[Origin, tuple[LineClass, int]]:
        """By line: its class, and how many facts or letters it makes."""
        reader = reader_of(Processor())
        found = {}
        for origin, line in self.raw.items():
            outcome = reader(line, origin, None)
            made = 1 if outcome.cls == "dead" else len(outcome.facts)
            found[origin] = (outcome.cls, made)
        return found

    def origins(self) -> Counter[Origin]:
        """How many facts and letters came of each line."""
        return Counter(one.origin for one in [*self.facts, *self.letters])

    def lost(self) -> list[Origin]:
        """Lines that should have made something and made less."""
        made = self.origins()
        return [one for one, (_, wanted) in self.expected().items() if made[one] < wanted]

    def repeated(self) -> list[Origin]:
        """Lines that made something more than once."""
        made = self.origins()
        return [one for one, (_, wanted) in self.expected().items() if made[one] > wanted]

    def invented(self) -> set[Origin]:
        """Origins of no committed line."""
        return self.origins().keys() - self.raw.keys()


class World:
    """One set of topics."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix

    @classmethod
    def new(cls, bootstrap: str) -> "World":
        """With topics of its own, for tests that share one."""
        made = cls(bootstrap, f"w{uuid.uuid4().hex[:8]}.")
        make_missing(config.load(kafka={"bootstrap": bootstrap, "prefix": made.prefix}))
        return made

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a command on these topics; settings as `logs__level="debug"`."""
        given = {f"POSTTRAIL_{name.upper()}": value for name, value in settings.items()}
        kept = {name: one for name, one in os.environ.items() if not name.startswith("POSTTRAIL_")}
        return kept | given | {
            "POSTTRAIL_KAFKA__BOOTSTRAP": self.bootstrap,
            "POSTTRAIL_KAFKA__PREFIX": self.prefix,
            "POSTTRAIL_LOGS__FORMAT": "json",
        }  # fmt: skip

    def write(self, some: Iterable[bytes], *, abort: bool = False, spread: bool = False) -> None:
        """Lines to maillog.raw, in one transaction, keyed by host or spread over partitions."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "transactional.id": f"{self.prefix}test",
                "partitioner": "consistent_random",
                "compression.type": "lz4",
                "log_level": 0,
            }
        )
        producer.init_transactions(30)
        producer.begin_transaction()
        for number, line in enumerate(some):
            key = b"mx%d" % (number % 23) if spread else line.split(b" ")[1]
            producer.produce(topics.RAW.full_name(self.prefix), line, key)
        producer.flush(30)
        if abort:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)

    @contextmanager
    def consumer(self, isolation: str = "read_committed") -> Iterator[Consumer]:
        """A reader; its group is the processor's, which it never joins."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"{self.prefix}posttrail-processor",
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def records(self, topic: Topic) -> list[Message]:
        """Every committed record of a topic."""
        name, found = topic.full_name(self.prefix), []
        unread = set(range(topic.partitions))
        with self.consumer() as consumer:
            consumer.assign([TopicPartition(name, one, 0) for one in unread])
            while unread:
                for message in consumer.consume(5000, 0.1):
                    if message.error() is None:
                        found.append(message)
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        unread.discard(message.partition())
        return found

    def seen(self) -> Seen:
        """What stands on the topics now."""
        raw = {(one.partition(), one.offset()): one.value() for one in self.records(topics.RAW)}
        facts = [decode_fact(one.value()) for one in self.records(topics.DELIVERIES)]
        letters = [
            read(one.key(), one.value(), one.headers() or [], one.timestamp()[1])
            for one in self.records(topics.DEAD)
        ]
        return Seen(raw, facts, letters)

    def committed(self) -> dict[int, int]:
        """The group's offsets."""
        with self.consumer() as consumer:
            return _committed(consumer, topics.RAW.full_name(self.prefix))

    def ends(self) -> dict[int, int]:
        """Where the next line of each partition will stand."""
        # A commit is answered before its markers are written: read_committed may end before it.
        with self.consumer("read_uncommitted") as consumer:
            name = topics.RAW.full_name(self.prefix)
            return ends_of(consumer, name, range(topics.RAW.partitions), 60)

    def wait_until_done(self, seconds: float = 60, ends: dict[int, int] | None = None) -> None:
        """Wait until the group has committed all lines that were written, or up to `ends`."""
        name = topics.RAW.full_name(self.prefix)
        ends = self.ends() if ends is None else ends
        with self.consumer() as consumer:

            def done() -> bool:
                with suppress(KafkaException):  # a coordinator that is just being chosen
                    committed = _committed(consumer, name)
                    return all(committed.get(one, 0) >= end for one, end in ends.items())
                return False

            eventually(done, seconds)

    @contextmanager
    def worker(self, log: Path, program: str = PROGRAM, **settings: str) -> Iterator["Worker"]:
        """A worker until the block ends."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", program, "process"],
                env=self.environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        worker = Worker(process, log)
        try:
            yield worker
        finally:
            process.kill()
            process.wait()


def _committed(consumer: Consumer, topic: str) -> dict[int, int]:
    asked = [TopicPartition(topic, one) for one in range(topics.RAW.partitions)]
    return {one.partition: one.offset for one in consumer.committed(asked, 20) if one.offset >= 0}


class Worker(NamedTuple):
    """A worker that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self) -> None:
        """Wait until it has its partitions and lines flow."""
        eventually(lambda: b'"ready"' in self.log.read_bytes() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()

    def stop(self, seconds: float = 20) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)
