"""A producer whose broker is killed with lines on their way: each line once, in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from posttrail_embedded.broker import EmbeddedKafka

from posttrail import config, topic_admin
from tests.followed import NUMBERED, append, text
from tests.raw_topic import raw_lines
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

AWAY_S = 5.0


@pytest.fixture
def following(own_kafka: EmbeddedKafka, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`posttrail produce file --follow mail.log`, on a broker of its own."""
    topic_admin.make_missing(config.load(kafka={"bootstrap": own_kafka.bootstrap}))
    log = tmp_path / "mail.log"
    log.write_bytes(text(0, 1000))
    environment = {**os.environ, "POSTTRAIL_KAFKA__BOOTSTRAP": own_kafka.bootstrap}
    command = [sys.executable, "-m", "posttrail.cli", "produce", "file", "--follow", str(log)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as program:
        yield program
        program.kill()


def numbers(server: EmbeddedKafka) -> list[int]:
    found = (NUMBERED.search(line) for line in raw_lines(server.bootstrap, ""))
    return [int(one[1]) for one in found if one]


def test_a_broker_that_is_killed_and_comes_back_costs_no_line_and_doubles_none(
    own_kafka: EmbeddedKafka, following: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    eventually(lambda: len(numbers(own_kafka)) == 1000)
    assert own_kafka.child is not None

    append(log, text(1000, 3000))
    os.killpg(own_kafka.child.pid, signal.SIGKILL)
    own_kafka.child.wait()
    append(log, text(3000, 5000))
    time.sleep(AWAY_S)  # the fault itself: how long the broker is away
    own_kafka.start_again()
    append(log, text(5000, 6000))

    eventually(lambda: len(numbers(own_kafka)) >= 6000, 90)
    assert following.poll() is None
    assert numbers(own_kafka) == [*range(6000)]
