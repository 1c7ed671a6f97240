"""A file producer that is killed, fenced or told to end: each line once, in order."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from posttrail.errors import Exit
from posttrail.topics import RAW
from tests.followed import NUMBERED, append, text
from tests.raw_topic import raw_lines, raw_reader
from tests.rotating_log import RotatingLog
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

Program = subprocess.Popen[str]
Start = Callable[..., Program]


@pytest.fixture
def start(kafka: str, prefix: str, tmp_path: Path) -> Iterator[Start]:
    """Starts `posttrail produce file` with these arguments."""
    running: list[Program] = []
    environment = {
        **os.environ,
        "POSTTRAIL_HOME": str(tmp_path / "home"),
        "POSTTRAIL_KAFKA__BOOTSTRAP": kafka,
        "POSTTRAIL_KAFKA__PREFIX": prefix,
    }

    def run(*arguments: object, max_delay: str = "0.1") -> Program:
        environment["POSTTRAIL_PRODUCER__MAX_DELAY_BEFORE_COMMIT"] = max_delay
        command = [sys.executable, "-m", "posttrail.cli", "produce", "file", *map(str, arguments)]
        running.append(
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        )
        return running[-1]

    yield run
    for one in running:
        one.kill()
        with one:  # closes its pipe
            one.wait()


def numbers(kafka: str, prefix: str) -> list[int]:
    found = (NUMBERED.search(line) for line in raw_lines(kafka, prefix))
    return [int(one[1]) for one in found if one]


def written(admin: AdminClient, prefix: str) -> int:
    """How many lines stand on the raw topic, committed or not."""
    name = RAW.full_name(prefix)
    ends = {TopicPartition(name, part): OffsetSpec.latest() for part in range(RAW.partitions)}
    try:
        return sum(end.result(10).offset for end in admin.list_offsets(ends).values())
    except KafkaException:  # a topic so new that it has no leader yet
        return 0


def test_kills_lose_and_repeat_nothing(
    kafka: str, prefix: str, start: Start, tmp_path: Path
) -> None:
    chance = random.Random(7)
    seen = 0
    with (
        RotatingLog(tmp_path / "mail.log", ["rename", "compress"], 0.5, 7) as log,
        raw_reader(kafka, prefix) as consumer,
    ):
        for _ in range(6):
            producer = start("--follow", f"{log.path}*")
            before = seen

            def has_moved(before: int = before) -> bool:
                nonlocal seen
                seen += sum(message.error() is None for message in consumer.consume(5000, 0.05))
                return seen > before

            eventually(has_moved)
            time.sleep(chance.uniform(0, 0.3))  # anywhere within a transaction
            producer.kill()
            producer.wait()
    start("--follow", f"{log.path}*")
    eventually(lambda: len(numbers(kafka, prefix)) >= log.written)
    assert numbers(kafka, prefix) == [*range(log.written)]


def write_until_fenced(older: Program, log: Path, end: int) -> int:
    """The older copy notices when it has something to write; the number of lines then."""

    def is_fenced() -> bool:
        nonlocal end
        append(log, text(end, end + 1))
        end += 1
        return older.poll() is not None

    eventually(is_fenced)
    return end


def test_a_newer_copy_fences_the_older(
    kafka: str, prefix: str, start: Start, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(text(0, 10))
    older = start("--follow", log)
    eventually(lambda: len(numbers(kafka, prefix)) == 10)
    start("--follow", log)
    end = write_until_fenced(older, log, 10)
    _, said = older.communicate()
    assert older.returncode == Exit.FENCED
    assert "was taken over by process" in said
    eventually(lambda: len(numbers(kafka, prefix)) >= end)
    assert numbers(kafka, prefix) == [*range(end)]


def test_a_producer_that_is_told_to_end_commits_all_that_it_has_read(
    kafka: str, prefix: str, admin: AdminClient, start: Start, tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(text(0, 2000))
    producer = start("--follow", log, max_delay="600")
    eventually(lambda: written(admin, prefix) == 2000)
    assert numbers(kafka, prefix) == []
    producer.send_signal(signal.SIGTERM)
    assert producer.wait(10) == Exit.OK
    assert numbers(kafka, prefix) == [*range(2000)]


def test_a_link_to_a_log_is_the_same_source(
    kafka: str, prefix: str, start: Start, tmp_path: Path
) -> None:
    log, link = tmp_path / "mail.log", tmp_path / "link.log"
    log.write_bytes(text(0, 10))
    link.symlink_to(log)
    older = start("--follow", log)
    eventually(lambda: len(numbers(kafka, prefix)) == 10)
    start("--follow", link)
    end = write_until_fenced(older, log, 10)
    eventually(lambda: len(numbers(kafka, prefix)) >= end)
    assert numbers(kafka, prefix) == [*range(end)]
