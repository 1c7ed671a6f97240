"""Kafka is away for a while: a sink waits in bounded memory, says so once, and goes on."""

import os
import signal

import pytest
from posttrail_embedded.broker import EmbeddedKafka

from posttrail import config, topic_admin
from posttrail.config import Settings
from tests.sink_world import (
    ids,
    landed,
    mails,
    make_counting_table,
    produce,
    running,
    until,
    wait_for_rows,
)

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def settings(own_kafka: EmbeddedKafka, dsn: str) -> Settings:
    make_counting_table(dsn)
    found = config.load(
        kafka={"bootstrap": own_kafka.bootstrap},
        postgres={"dsn": dsn},
        sink={"batch_facts": 100, "batch_seconds": 0.1},
    )
    topic_admin.make_missing(found)
    return found


def test_a_sink_outlives_a_broker_that_is_silent_longer_than_its_session(
    own_kafka: EmbeddedKafka, settings: Settings, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert own_kafka.child is not None
    pid = own_kafka.child.pid
    produce(settings, mails(100))
    with running(settings) as sink:
        wait_for_rows(dsn, 100)
        os.killpg(pid, signal.SIGSTOP)
        until(lambda: sink.sink.claimed == set())
        os.killpg(pid, signal.SIGCONT)
        produce(settings, mails(100, 100))
        wait_for_rows(dsn, 200)
        assert sink.alive

    said = capsys.readouterr().out
    assert said.count("the group gave up on this sink") == 1
    assert landed(dsn) == ids(mails(200))
