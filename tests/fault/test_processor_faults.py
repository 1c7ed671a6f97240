"""A worker that is killed, stuck, refused or left without a broker loses nothing.

Each trap that was seen in Faust has its test here or in tests/unit/test_processor_progress.py.
"""

import os
import signal
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from posttrail_embedded.broker import EmbeddedKafka

from posttrail import topics
from posttrail.records import decode_fact
from tests.processor_world import PROGRAM, World, lines
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

STALL = {"processor__stall_seconds": "4"}
HANGS = """
import asyncio
from posttrail_processors.output import Output
async def deliver(self, facts, letters): await asyncio.sleep(3600)
Output.deliver = deliver
"""
BLOCKS = """
import time
from posttrail_processors import lines
lines.read_line = lambda *given: time.sleep(3600)
"""
FETCHES_NOTHING = """
import asyncio
from posttrail_processors.transport import Consumer
async def _getmany(self, active_partitions, timeout):
    await asyncio.sleep(timeout)
    return {}
Consumer._getmany = _getmany
"""
KNOWS_NO_TOPIC = """
import time
from aiokafka.cluster import ClusterMetadata
began = time.monotonic()
partitions_for_topic = ClusterMetadata.partitions_for_topic
def forgetful(self, topic):
    known = time.monotonic() - began > {seconds}
    return partitions_for_topic(self, topic) if known else None
ClusterMetadata.partitions_for_topic = forgetful
"""
"""A question for the topic's partitions that failed, or an answer of a broker that just starts."""
FAILS = """
from posttrail_processors.output import Output
async def deliver(self, facts, letters): raise RuntimeError("on purpose")
Output.deliver = deliver
"""


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


def test_a_killed_worker_loses_nothing(world: World, tmp_path: Path) -> None:
    world.write(lines(20_000))
    small = {"processor__max_poll_lines": "200"}
    with world.worker(tmp_path / "killed", **small) as killed:
        eventually(lambda: world.records(topics.DELIVERIES))
        killed.process.kill()
    with world.worker(tmp_path / "next"):
        world.wait_until_done(90)

    seen = world.seen()
    assert len(seen.raw) == 20_000
    assert (seen.lost(), seen.invented()) == ([], set())


@pytest.mark.parametrize(
    "sabotage", [HANGS, BLOCKS, FETCHES_NOTHING, KNOWS_NO_TOPIC.format(seconds=3600)]
)
def test_a_worker_that_takes_nothing_ends_itself(
    world: World, tmp_path: Path, sabotage: str
) -> None:
    world.write(lines(100))
    with world.worker(tmp_path / "log", sabotage + PROGRAM, **STALL) as worker:
        assert worker.process.wait(60) == 1

    assert "stalled" in (tmp_path / "log").read_text()
    assert world.committed() == {}


def test_a_worker_that_was_dealt_nothing_gets_its_partitions_within_seconds(
    world: World, tmp_path: Path
) -> None:
    """It started while the broker went away: it knew of no partition, and the group dealt none."""
    world.write(lines(100))
    log = tmp_path / "log"
    with world.worker(log, KNOWS_NO_TOPIC.format(seconds=10) + PROGRAM, logs__level="info"):
        eventually(lambda: '"partitions": 0' in log.read_text())
        world.wait_until_done(20)

    assert '"stalled' not in log.read_text()


def test_a_failing_agent_ends_the_worker_and_commits_nothing(world: World, tmp_path: Path) -> None:
    """Faust's default is to acknowledge the message that failed and to go on."""
    world.write(lines(100))
    with world.worker(tmp_path / "log", FAILS + PROGRAM) as worker:
        assert worker.process.wait(60) == 1

    assert world.committed() == {}


def test_a_stop_with_work_in_hand_ends_in_seconds(world: World, tmp_path: Path) -> None:
    """Faust waits for ever for a message that is not acknowledged."""
    world.write(lines(100))
    with world.worker(tmp_path / "log", HANGS + PROGRAM) as worker:
        worker.wait_until_ready()
        assert worker.stop(15) == 0

    assert world.committed() == {}


def test_a_fact_that_the_broker_refuses_becomes_a_dead_letter(
    world: World, admin: AdminClient, tmp_path: Path
) -> None:
    """Faust commits past messages whose sending failed."""
    entry = ConfigEntry("max.message.bytes", "250", incremental_operation=AlterConfigOpType.SET)
    name = topics.DELIVERIES.full_name(world.prefix)
    resource = ConfigResource("topic", name, incremental_configs=[entry])
    [changed] = admin.incremental_alter_configs([resource]).values()
    changed.result(20)
    world.write(lines(10))
    with world.worker(tmp_path / "log"):
        world.wait_until_done()

    seen = world.seen()
    refused = [letter for letter in seen.letters if letter.stage == "sink"]
    assert refused
    assert all("more than the broker takes" in letter.reason for letter in refused)
    made = {fact.origin for fact in seen.facts} | {seen_origin(letter.value) for letter in refused}
    wanted = {one for one, (kind, count) in seen.expected().items() if kind == "fact" and count}
    assert made == wanted


def seen_origin(value: bytes) -> tuple[int, int]:

    return decode_fact(value).origin


def test_a_broker_that_is_away_is_waited_for(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Frozen with work under way: nothing is lost, and a stop meanwhile takes seconds."""
    assert own_kafka.child is not None
    world = World.new(own_kafka.bootstrap)
    world.write(lines(10_000))
    ends = world.ends()  # asked before: a client may take long to find a leader again
    with (
        world.worker(tmp_path / "stays", processor__max_poll_lines="200") as stays,
        world.worker(tmp_path / "goes", processor__max_poll_lines="200") as goes,
    ):
        stays.wait_until_ready()
        goes.wait_until_ready()
        os.killpg(own_kafka.child.pid, signal.SIGSTOP)
        try:
            assert goes.stop(25) == 0
            assert stays.process.poll() is None
        finally:
            os.killpg(own_kafka.child.pid, signal.SIGCONT)
        world.wait_until_done(90, ends)
        assert stays.process.poll() is None

    seen = world.seen()
    assert len(seen.raw) == 10_000
    assert (seen.lost(), seen.invented()) == ([], set())
    said = [msgspec.json.decode(line) for line in (tmp_path / "stays").read_bytes().splitlines()]
    assert len(said) < 40, "an event is said once"
    assert {one.get("stage") for one in said} == {"process"}, "and by us, not by a library"
