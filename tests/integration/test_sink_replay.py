"""Rows derived anew from the raw topic: the same with the same parser, and only the rows of changed
rules with another.

A line here is a fact as JSON, and a parser is a function of that fact.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg2
import pytest
from confluent_kafka import Producer
from posttrail_sinks.erase import erase
from posttrail_sinks.places import AtOffset, AtTime
from posttrail_sinks.replay import replay
from posttrail_sinks.replay_report import Report
from posttrail_sinks.replay_source import Derive, Derived, Window
from posttrail_sinks.writer import Writer

from posttrail import config, topics
from posttrail.config import Settings
from posttrail.errors import BadInput, NotReady
from posttrail.records import (
    AnyFact,
    FromFact,
    NoqueueFact,
    Origin,
    ToFact,
    decode_fact,
    encode_fact,
)
from tests.fix_postgres import execute, on_database
from tests.sink_world import everything, rows, traffic

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

# When lines came to Kafka: lately, for it drops what is older than the topic's retention.
HOUR_MS = 3_600_000
LATE_MS = time.time_ns() // 1_000_000 - 2 * HOUR_MS
EARLY_MS = LATE_MS - HOUR_MS
OUT_OF_REACH_MS = EARLY_MS - 20 * 24 * HOUR_MS
"""Further back than sink.generation_days, and not dropped yet."""
EVERYTHING = Window(AtOffset(0))
Rule = Callable[[AnyFact], AnyFact | None]


def unchanged(fact: AnyFact) -> AnyFact | None:
    return fact


def parser(rule: Rule = unchanged) -> Derive:
    def derive(line: bytes, origin: Origin, _: int | None) -> Derived:
        fact = msgspec.structs.replace(decode_fact(line), origin=origin)
        read = rule(fact)
        return Derived(fact.host, fact.t, () if read is None else (read,))

    return derive


class World:
    """Lines on the raw topic, and a database that has landed their facts."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.settings = settings
        self.dsn = dsn
        self._next = [0] * topics.RAW.partitions
        self.facts: list[AnyFact] = []

    def log(self, facts: Sequence[AnyFact], at_ms: int = 0) -> None:
        """Put lines on the topic."""
        producer = Producer({"bootstrap.servers": config.bootstrap(self.settings)})
        topic = topics.RAW.full_name(self.settings.kafka.prefix)
        for fact in facts:
            key = fact.host.encode()
            part = topics.partition_for(key, topics.RAW.partitions)
            producer.produce(topic, encode_fact(fact), key, part, timestamp=at_ms)
            origin = (part, self._next[part])
            self._next[part] += 1
            self.facts.append(msgspec.structs.replace(fact, origin=origin))
        assert producer.flush(20) == 0

    def land(self, facts: Sequence[AnyFact] | None = None, dsn: str | None = None) -> None:
        """What processor and sink do."""
        writer = Writer()
        with closing(psycopg2.connect(dsn or self.dsn)) as connection:
            writer.prepare_connection(connection)
            given = self.facts if facts is None else facts
            with connection, connection.cursor() as cursor:
                writer.write(cursor, writer.prepare(given))

    def replay(
        self, rule: Rule = unchanged, window: Window = EVERYTHING, *, dry_run: bool = False,
        caught_up: Callable[[], None] = lambda: None,
    ) -> Report:  # fmt: skip
        return replay(self.settings, window, parser(rule), caught_up, dry_run=dry_run)


@pytest.fixture
def world(kafka: str, prefix: str, dsn: str) -> World:
    settings = config.load(kafka={"bootstrap": kafka, "prefix": prefix}, postgres={"dsn": dsn})
    return World(settings, dsn)


@pytest.fixture
def imported(world: World) -> World:
    world.log(traffic(100))
    world.land()
    return world


@pytest.fixture
def fresh(postgres: str, template: str) -> Iterator[str]:
    """A second migrated database, for a fresh import."""
    name = f"fresh_{os.getpid()}_{random.getrandbits(32):08x}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield on_database(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def read_by(rule: Rule, facts: Sequence[AnyFact]) -> list[AnyFact]:
    return [read for fact in facts if (read := rule(fact)) is not None]


# Rules that a next version might have.


def shout(fact: AnyFact) -> AnyFact | None:
    """Senders of one host are read otherwise."""
    if isinstance(fact, FromFact) and fact.sender and fact.host == "mx1":
        return msgspec.structs.replace(fact, sender=fact.sender.upper())
    return fact


def overlook(fact: AnyFact) -> AnyFact | None:
    """Every line of the mails of one host is no longer Postfix's."""
    return None if isinstance(fact, FromFact | ToFact) and fact.host == "mx1" else fact


def discover(fact: AnyFact) -> AnyFact | None:
    """Refusals of one host are deliveries."""
    if isinstance(fact, NoqueueFact) and fact.host == "mx2":
        return ToFact(
            t=fact.t, origin=fact.origin, host=fact.host, instance=fact.instance,
            component="smtp", queue_id="47NQzY13DbzNWNQG", recipient="new@example.org",
            status="sent",
        )  # fmt: skip
    return fact


def recount(fact: AnyFact) -> AnyFact | None:
    """An attempt that was deferred is no attempt."""
    return None if isinstance(fact, ToFact) and fact.status == "deferred" else fact


def test_with_the_same_parser_nothing_changes(imported: World) -> None:
    report = imported.replay(dry_run=True)

    assert report.total == 0
    assert (report.lines, report.facts) == (500, 500)
    assert (report.out_of_reach, report.moving) == (0, 0)


@pytest.mark.parametrize("rule", [shout, overlook, discover, recount])
def test_after_the_swap_the_tables_are_those_of_a_fresh_import(
    imported: World, fresh: str, rule: Rule
) -> None:
    imported.land(read_by(rule, imported.facts), fresh)
    expected = everything(fresh)
    assert everything(imported.dsn) != expected

    dry = imported.replay(rule, dry_run=True)
    assert everything(imported.dsn) != expected
    report = imported.replay(rule)

    assert everything(imported.dsn) == expected
    assert report == msgspec.structs.replace(dry, swapped=True)
    assert imported.replay(rule, dry_run=True).total == 0


def test_exactly_the_rows_of_the_changed_rule_are_shown(imported: World) -> None:
    report = imported.replay(shout, dry_run=True)

    changed = report.tables["delivery_from"]
    of_host = rows(imported.dsn, "SELECT count(*) FROM delivery_from WHERE host = 'mx1'")[0][0]
    assert (changed.added, changed.changed, changed.vanished) == (0, of_host, 0)
    assert changed.columns == {"sender": of_host}
    assert {example.key["host"] for example in changed.examples} == {"mx1"}
    old, new = changed.examples[0].columns["sender"]
    assert new == old.upper()
    assert report.tables["delivery_to"].total == report.tables["noqueue"].total == 0


def test_rows_come_and_go_by_count(imported: World) -> None:
    gone = imported.replay(overlook, dry_run=True).tables
    come = imported.replay(discover, dry_run=True).tables

    of_host = rows(imported.dsn, "SELECT count(*) FROM delivery_from WHERE host = 'mx1'")[0][0]
    refusals = rows(imported.dsn, "SELECT count(*) FROM noqueue WHERE host = 'mx2'")[0][0]
    assert gone["delivery_from"].vanished == of_host
    assert gone["delivery_from"].total == of_host
    assert come["delivery_to"].added == 1
    assert come["noqueue"].vanished == come["noqueue"].total == refusals


def test_facts_that_come_after_a_swap_merge_with_todays_rows(imported: World, fresh: str) -> None:
    """What is kept of short ids must be today's too, or a late line would bring the old back."""
    imported.replay(shout)
    late = [
        msgspec.structs.replace(fact, t=fact.t - 5_000_000, origin=(5, 10_000 + number))
        for number, fact in enumerate(imported.facts)
        if isinstance(fact, FromFact) and fact.client_name is not None
    ]
    imported.land(late)
    imported.land([*read_by(shout, imported.facts), *late], fresh)

    assert everything(imported.dsn) == everything(fresh)


def test_only_mails_with_lines_in_the_window_are_swapped(world: World) -> None:
    for number, hour in enumerate((0, 1, 2)):
        world.log(traffic(30, first=number * 30), at_ms=EARLY_MS + hour * HOUR_MS)
    world.land()
    window = Window(AtTime(LATE_MS), AtTime(LATE_MS + HOUR_MS))

    assert world.replay(window=window, dry_run=True).total == 0
    report = world.replay(shout, window)

    of_host = sum(number % 3 == 1 for number in range(30, 60))
    assert report.lines == 150
    assert report.tables["delivery_from"].changed == of_host
    shouted = rows(world.dsn, "SELECT sender FROM delivery_from WHERE sender LIKE 'S%' ORDER BY 1")
    assert len(shouted) == of_host
    assert all(30 <= int(sender[1:].partition("@")[0]) < 60 for (sender,) in shouted)


@pytest.mark.parametrize("cut", [1, 3])
def test_a_mail_that_lies_across_the_edge_is_derived_from_all_its_lines(
    world: World, cut: int
) -> None:
    mails = traffic(12)
    early = [fact for number, fact in enumerate(mails) if number % 5 < cut]
    late = [fact for number, fact in enumerate(mails) if number % 5 >= cut]
    world.log(early, at_ms=EARLY_MS)
    world.log(late, at_ms=LATE_MS)
    world.land()

    for window in (
        Window(AtTime(LATE_MS)),
        Window(AtOffset(0), AtTime(LATE_MS)),
    ):
        assert world.replay(window=window, dry_run=True).total == 0


def test_mails_whose_beginning_is_out_of_reach_are_left_alone(world: World) -> None:
    mails = traffic(12)
    world.log([fact for number, fact in enumerate(mails) if number % 5 == 0], at_ms=OUT_OF_REACH_MS)
    world.log([fact for number, fact in enumerate(mails) if number % 5], at_ms=EARLY_MS)
    world.land()

    report = world.replay(window=Window(AtTime(EARLY_MS)), dry_run=True)

    assert report.total == 0
    assert report.out_of_reach == 12


def test_mails_that_move_on_meanwhile_are_left_alone(imported: World) -> None:
    more = [
        msgspec.structs.replace(fact, t=fact.t + 1, status="sent", recipient="late@example.net")
        for fact in imported.facts
        if isinstance(fact, ToFact) and fact.host == "mx1"
    ]

    def go_on() -> None:
        known = len(imported.facts)
        imported.log(more)
        imported.land(imported.facts[known:])

    report = imported.replay(shout, caught_up=go_on)

    assert report.total == 0
    assert report.moving > 0
    assert rows(imported.dsn, "SELECT count(*) FROM delivery_from WHERE sender LIKE 'S%'") == [(0,)]


def test_a_window_without_lines_is_refused(imported: World) -> None:
    with pytest.raises(BadInput, match="no line"):
        imported.replay(window=Window(AtOffset(10_000)))


def test_two_replays_at_once_are_refused(imported: World) -> None:
    def again() -> None:
        with pytest.raises(NotReady, match="another replay"):
            imported.replay()

    assert imported.replay(dry_run=True, caught_up=again).total == 0


def test_who_was_erased_makes_no_difference(imported: World) -> None:
    """Neither to today's parser, nor to another: their rows are as they were left."""
    gone_by = datetime.now(UTC) + timedelta(days=30)
    for address in ("s4@example.com", "s44@example.com", "a@example.net"):
        erase(imported.dsn, address, gone_by, dry_run=False)

    assert imported.replay(dry_run=True).total == 0
    imported.replay(shout)

    assert imported.replay(shout, dry_run=True).total == 0
    assert rows(imported.dsn, "SELECT count(*) FROM delivery_to") == [(0,)]
    assert rows(imported.dsn, "SELECT count(*) FROM delivery_from WHERE sender IS NULL") == [(2,)]
    assert rows(
        imported.dsn,
        "SELECT count(*) FROM short_bundle WHERE facts ~* 'a@example.net|\"s44?@example.com'",
    ) == [(0,)]


def test_a_replay_leaves_nothing_behind(imported: World) -> None:
    imported.replay(shout)

    found = rows(imported.dsn, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'posttrail%'")
    assert found == []
