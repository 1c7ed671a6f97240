"""A worker on a real Kafka: what goes in comes out, once, and is accounted for."""

import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import msgspec
import pytest
from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import AdminClient
from posttrail_embedded.ports import free_ports
from posttrail_processors.transport import FETCH_WAIT_MS

from posttrail import topics
from posttrail.records import GapFact
from posttrail.topics import partition_for
from tests.processor_world import Seen, World, lines

pytestmark = pytest.mark.kafka

TRANSACTIONS, LINES = 12, 400
STRANGE = b"2026-11-23T11:07:06+00:00 mx1 postfix/smtpd[3]: 4B1C2D3E4F: \x00 \xff strange"
# As large as Kafka takes, and of letters that compression does not make small.
LARGE = STRANGE + bytes(33 + (one * one * 7919 >> 5) % 90 for one in range(999_000))


class Done(NamedTuple):
    """What one worker did."""

    world: World
    seen: Seen
    deliveries: list[Message]
    log: str
    metrics: str
    exit_code: int


@pytest.fixture(scope="module")
def done(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Transactions of lines, every third aborted, through one worker."""
    world = World.new(kafka)
    for number in range(TRANSACTIONS):
        world.write(lines(LINES, first=LINES * number), abort=number % 3 == 2)
    world.write([STRANGE, LARGE])
    log = tmp_path_factory.mktemp("processor") / "log"
    [port] = free_ports(1)
    with world.worker(log, processor__max_poll_lines="700", metrics__port=str(port)) as worker:
        world.wait_until_done()
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        exit_code = worker.stop()
    deliveries = world.records(topics.DELIVERIES)
    return Done(world, world.seen(), deliveries, log.read_text(), metrics, exit_code)


def counted(done: Done, name: str) -> dict[str, int]:
    """A counter, by its last label."""
    found = re.findall(rf'^{name}_total\{{.*"(.*)"\}} (.*)$', done.metrics, re.MULTILINE)
    return {label: int(float(value)) for label, value in found}


def test_committed_lines_come_out_once(done: Done) -> None:
    assert len(done.seen.raw) == TRANSACTIONS * 2 // 3 * LINES + 2
    assert done.seen.lost() == []
    assert done.seen.repeated() == []


def test_every_line_is_accounted_for(done: Done) -> None:
    expected = Counter(kind for kind, _ in done.seen.expected().values())

    assert counted(done, "posttrail_processor_lines") == expected
    assert set(expected) == {"fact", "ignored", "foreign", "dead"}
    assert sum(counted(done, "posttrail_processor_ignored").values()) == expected["ignored"]
    assert sum(counted(done, "posttrail_processor_facts").values()) == len(done.seen.facts)


def test_aborted_lines_never_come_out(done: Done) -> None:
    assert done.seen.invented() == set()


def test_facts_lie_where_every_writer_puts_them(done: Done) -> None:
    assert {one.partition() for one in done.deliveries} == set(range(topics.DELIVERIES.partitions))
    assert all(
        one.partition() == partition_for(one.key(), topics.DELIVERIES.partitions)
        for one in done.deliveries
    )


def test_what_nobody_understands_is_kept_byte_for_byte(done: Done) -> None:
    [letter] = [one for one in done.seen.letters if one.value == STRANGE]

    assert letter.key == b"mx1"
    assert letter.topic == topics.RAW.full_name(done.world.prefix)
    assert done.seen.raw[letter.origin] == STRANGE
    assert letter.reason


def test_a_line_as_large_as_kafka_takes_is_kept_whole(done: Done) -> None:
    assert LARGE in [one.value for one in done.seen.letters]


def test_a_worker_ends_well_when_told_to(done: Done) -> None:
    assert done.exit_code == 0


def test_a_worker_logs_its_own_events_only(done: Done) -> None:
    """Faust's worker sets the root logger to DEBUG and logs messages: lines of mail."""
    levels = {msgspec.json.decode(line)["level"] for line in done.log.splitlines()}

    assert "debug" not in levels
    assert "example.com" not in done.log


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    return World(kafka, prefix)


def test_workers_join_and_leave_without_repeats(world: World, tmp_path: Path) -> None:
    world.write(lines(500))
    with world.worker(tmp_path / "first") as first:
        world.wait_until_done()
        with world.worker(tmp_path / "second") as second:
            second.wait_until_ready()
            world.write(lines(500, first=500))
            world.wait_until_done()
            assert second.stop() == 0
        world.write(lines(500, first=1000))
        world.wait_until_done()
        assert first.stop() == 0

    seen = world.seen()
    assert len(seen.raw) == 1500
    assert (seen.lost(), seen.repeated()) == ([], [])


def delete_records(world: World, kept: int) -> dict[int, int]:
    """What retention does: all but the last offsets are gone; where each partition begins now."""
    name = topics.RAW.full_name(world.prefix)
    wanted = [TopicPartition(name, part, end - kept) for part, end in world.ends().items()]
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    answers = admin.delete_records(wanted)
    return {each.partition: answer.result(20).low_watermark for each, answer in answers.items()}


def told_gaps(world: World) -> dict[int, tuple[int, str]]:
    """By partition: where lines are missing, and the reason that is told."""
    gaps = [fact for fact in world.seen().facts if isinstance(fact, GapFact)]
    assert {gap.source for gap in gaps} <= {"maillog.raw"}
    assert len({gap.origin for gap in gaps}) == len(gaps)
    return {-1 - gap.origin[0]: (gap.origin[1], gap.reason) for gap in gaps}


def gaps_between(before: dict[int, int], beginnings: dict[int, int]) -> dict[int, Any]:
    reason = "up to {} lines were gone before a processor read them"
    return {
        part: (before[part], reason.format(beginning - before[part]))
        for part, beginning in beginnings.items()
    }


def test_lines_that_retention_took_while_nobody_read_are_told(world: World, tmp_path: Path) -> None:
    world.write(lines(400), spread=True)
    with world.worker(tmp_path / "first") as worker:
        world.wait_until_done()
        assert worker.stop() == 0
    before = world.committed()
    world.write(lines(400, first=400), spread=True)
    beginnings = delete_records(world, kept=5)

    with world.worker(tmp_path / "second") as worker:
        world.wait_until_done()
        assert worker.stop() == 0

    assert told_gaps(world) == gaps_between(before, beginnings)
    assert (tmp_path / "second").read_text().count("were gone from the topic") == len(before)


def test_all_lines_gone_is_told_too(world: World, tmp_path: Path) -> None:
    world.write(lines(400), spread=True)
    with world.worker(tmp_path / "first") as worker:
        world.wait_until_done()
        assert worker.stop() == 0
    before = world.committed()
    world.write(lines(400, first=400), spread=True)
    beginnings = delete_records(world, kept=0)

    with world.worker(tmp_path / "second") as worker:
        world.wait_until_done()
        assert worker.stop() == 0

    assert told_gaps(world) == gaps_between(before, beginnings)


def test_lines_that_go_ahead_of_a_slow_worker_are_told(world: World, tmp_path: Path) -> None:
    world.write(lines(400), spread=True)
    with world.worker(tmp_path / "log") as worker:
        world.wait_until_done()
        before = world.committed()
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(FETCH_WAIT_MS / 1000 + 0.4)  # the fetch that waits at the broker comes back
        world.write(lines(400, first=400), spread=True)
        beginnings = delete_records(world, kept=5)
        worker.process.send_signal(signal.SIGCONT)
        world.wait_until_done()
        assert worker.stop() == 0

    assert told_gaps(world) == gaps_between(before, beginnings)


def test_markers_and_aborted_lines_are_no_gap(done: Done) -> None:
    assert told_gaps(done.world) == {}
