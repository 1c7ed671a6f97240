"""The journal producer as a process of its own, on a real journald and a real Kafka: killed,
doubled, ended. Each line once, in order.
"""

import multiprocessing
import os
import random
from collections.abc import Iterator
from itertools import count
from multiprocessing.context import ForkServerProcess
from threading import Thread

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail.errors import Exit, PosttrailError
from posttrail.topics import RAW
from tests.fix_journal import Journald
from tests.raw_topic import raw_lines
from tests.waiting import eventually

pytestmark = [pytest.mark.journal, pytest.mark.kafka, pytest.mark.usefixtures("systemd_python")]

MESSAGES = 100_000
KILLS = 20


def produce(settings: dict[str, str], directory: str) -> None:
    """`posttrail produce journal`, in a process that has Python loaded already."""
    os.environ.update(settings)
    from posttrail.cli.main import app

    try:
        app(["produce", "journal", "--directory", directory], standalone_mode=False)
    except PosttrailError as error:
        raise SystemExit(error.exit_code) from None


class Host:
    """A mail host: its journal, and a producer for it."""

    def __init__(self, journald: Journald, kafka: str, prefix: str, admin: AdminClient) -> None:
        self.journald, self.kafka, self.prefix = journald, kafka, prefix
        self._admin = admin
        self.settings = {
            "POSTTRAIL_KAFKA__BOOTSTRAP": kafka,
            "POSTTRAIL_KAFKA__PREFIX": prefix,
            "POSTTRAIL_PRODUCER__HOST": "mx",
            "POSTTRAIL_PRODUCER__MAX_DELAY_BEFORE_COMMIT": "0.1",
        }
        self._fork = multiprocessing.get_context("forkserver")
        self._fork.set_forkserver_preload(
            ["posttrail.cli.main", "posttrail_producers.journal_source", "systemd.journal"]
        )
        self._started: list[ForkServerProcess] = []

    def start(self) -> ForkServerProcess:
        process = self._fork.Process(
            target=produce, args=(self.settings, str(self.journald.directory))
        )
        process.start()
        self._started.append(process)
        return process

    def numbers(self) -> list[int]:
        """What the committed lines of the raw topic say, in their order."""
        return [int(line.rpartition(b" ")[2]) for line in raw_lines(self.kafka, self.prefix)]

    def written(self) -> int:
        """How many lines stand on the raw topic that nobody has committed yet."""
        name = RAW.full_name(self.prefix)
        ends = {TopicPartition(name, part): OffsetSpec.latest() for part in range(RAW.partitions)}
        found = self._admin.list_offsets(ends)
        try:
            return sum(end.result(10).offset for end in found.values())
        except KafkaException:  # a topic so new that it has no leader yet
            return 0

    def send(self, first: int, end: int) -> None:
        """Numbered lines, as syslog(3) sends them."""
        with self.journald.logger() as logger:
            for number in range(first, end):
                logger.send(b"<22>Jan  1 12:00:00 postfix/smtpd[4711]: line %d" % number)

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.join()


@pytest.fixture
def host(journald: Journald, kafka: str, prefix: str, admin: AdminClient) -> Iterator[Host]:
    host = Host(journald, kafka, prefix, admin)
    yield host
    host.end()


def test_a_producer_that_is_killed_twenty_times_brings_each_line_once(host: Host) -> None:
    """100,000 lines through more than ten rotations."""
    chance = random.Random(4711)
    part = MESSAGES // KILLS
    for round_number in range(KILLS):
        first = round_number * part
        sender = Thread(target=host.send, args=(first, first + part))
        producer = host.start()
        sender.start()
        producer.join(chance.uniform(0.05, 1.2))
        assert producer.exitcode is None
        producer.kill()
        producer.join()
        sender.join()
    last = host.start()
    eventually(lambda: len(host.numbers()) >= MESSAGES, 60)
    last.terminate()
    last.join(10)
    assert last.exitcode == 0
    assert len(host.journald.files()) > 10
    assert host.numbers() == list(range(MESSAGES))


def test_a_producer_that_is_told_to_end_commits_what_it_has_read(host: Host) -> None:
    host.settings["POSTTRAIL_PRODUCER__MAX_DELAY_BEFORE_COMMIT"] = "600"
    host.send(0, 100)
    producer = host.start()
    eventually(lambda: host.written() == 100)
    assert host.numbers() == []
    producer.terminate()
    producer.join(10)
    assert producer.exitcode == 0
    assert host.numbers() == list(range(100))


def test_a_second_copy_fences_the_first(host: Host) -> None:
    sent = count()

    def send_one() -> int:
        number = next(sent)
        host.send(number, number + 1)
        return number

    send_one()
    first = host.start()
    eventually(host.numbers)
    second = host.start()
    eventually(lambda: send_one() and first.exitcode is not None)
    assert first.exitcode == Exit.FENCED
    end = send_one() + 1
    eventually(lambda: len(host.numbers()) >= end)
    assert second.exitcode is None
    assert host.numbers() == list(range(end))
