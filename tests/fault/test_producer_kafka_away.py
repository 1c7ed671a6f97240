"""Producers whose broker is killed with lines on their way: each line once, in order; what their
source drops meanwhile is told.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from posttrail_embedded.broker import EmbeddedKafka

from posttrail import config, topic_admin
from tests.fix_journal import Journald
from tests.followed import NUMBERED, append, text
from tests.raw_topic import raw_lines
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

AWAY_S = 2.0


@pytest.fixture
def following(own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`posttrail produce file --follow mail.log`, on a broker of its own."""
    topic_admin.make_missing(config.load(kafka={"bootstrap": own_kafka.bootstrap}))
    log = tmp_path / "mail.log"
    log.write_bytes(text(0, 1000))
    with producing(own_kafka, "file", "--follow", str(log)) as program:
        yield program


@contextmanager
def producing(kafka: EmbeddedKafka, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`posttrail produce …`."""
    environment = {**os.environ, "POSTTRAIL_KAFKA__BOOTSTRAP": kafka.bootstrap}
    command = [sys.executable, "-m", "posttrail.cli", "produce", *arguments]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as program:
        yield program
        program.kill()


def kill(server: EmbeddedKafka) -> None:
    assert server.child is not None
    os.killpg(server.child.pid, signal.SIGKILL)
    server.child.wait()


def send(journald: Journald, first: int, end: int) -> None:
    with journald.logger() as logger:
        for number in range(first, end):
            logger.send(
                b"<22>Jan  1 12:00:00 postfix/smtpd[7]: "
                b"connect from client%d.example[192.0.2.7]" % number
            )
    journald.sync()


def numbers(server: EmbeddedKafka) -> list[int]:
    found = (NUMBERED.search(line) for line in raw_lines(server.bootstrap, ""))
    return [int(one[1]) for one in found if one]


def gaps(server: EmbeddedKafka) -> list[bytes]:
    return [line for line in raw_lines(server.bootstrap, "") if b"]: gap: " in line]


def test_a_broker_that_is_killed_and_comes_back_costs_no_line_and_doubles_none(
    own_kafka: EmbeddedKafka, following: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    eventually(lambda: len(numbers(own_kafka)) == 1000)

    append(log, text(1000, 3000))
    kill(own_kafka)
    append(log, text(3000, 5000))
    time.sleep(AWAY_S)  # the fault itself: how long the broker is away
    own_kafka.start_again()
    append(log, text(5000, 6000))

    eventually(lambda: len(numbers(own_kafka)) >= 6000, 90)
    assert following.poll() is None
    assert numbers(own_kafka) == [*range(6000)]


@pytest.fixture
def reading(own_kafka: EmbeddedKafka, journald: Journald) -> Iterator[subprocess.Popen[bytes]]:
    """`posttrail produce journal`, on a broker of its own, at the end of 1000 entries."""
    topic_admin.make_missing(config.load(kafka={"bootstrap": own_kafka.bootstrap}))
    send(journald, 0, 1000)
    with producing(own_kafka, "journal", "--directory", str(journald.directory)) as program:
        eventually(lambda: len(numbers(own_kafka)) == 1000)
        yield program


def vacuum(journald: Journald) -> None:
    """Delete all files but the one that is written to, as journald does when space runs out."""
    journald.rotate()
    for file in journald.files():
        if "@" in file.name:
            file.unlink()


@pytest.mark.journal
@pytest.mark.usefixtures("systemd_python", "reading")
def test_a_journal_keeps_its_entries_for_a_broker_that_is_away(
    own_kafka: EmbeddedKafka, journald: Journald
) -> None:
    kill(own_kafka)
    send(journald, 1000, 3000)
    journald.rotate()
    send(journald, 3000, 5000)
    own_kafka.start_again()

    eventually(lambda: len(numbers(own_kafka)) >= 5000, 90)
    assert numbers(own_kafka) == [*range(5000)]
    assert gaps(own_kafka) == []


@pytest.mark.journal
@pytest.mark.usefixtures("systemd_python")
def test_what_a_journal_drops_while_the_broker_is_away_is_told(
    own_kafka: EmbeddedKafka, journald: Journald, reading: subprocess.Popen[bytes]
) -> None:
    kill(own_kafka)
    send(journald, 1000, 2000)
    reading.send_signal(signal.SIGSTOP)  # or it might open the next file in time
    journald.rotate()
    send(journald, 2000, 3000)
    vacuum(journald)
    send(journald, 3000, 4000)
    reading.send_signal(signal.SIGCONT)
    own_kafka.start_again()

    eventually(lambda: (numbers(own_kafka) or [0])[-1] == 3999, 90)
    found = numbers(own_kafka)
    assert found == sorted(set(found))
    assert {*range(4000)} - {*found} >= {*range(2000, 3000)}
    assert {*found} >= {*range(1000), *range(3000, 4000)}
    assert len(gaps(own_kafka)) == 1
