"""Sinks on a real Kafka and a real PostgreSQL: each fact lands once, whoever lands it."""

from collections.abc import Sequence

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from posttrail_sinks.database import Cursor

from posttrail import config, topics
from posttrail.config import Settings
from posttrail.dead_letters import DeadLetter, read
from posttrail.errors import NotReady
from posttrail.records import AnyFact
from posttrail.topic_admin import make_missing
from tests.fix_postgres import execute
from tests.sink_world import (
    CountingWriter,
    Running,
    ids,
    landed,
    mails,
    produce,
    rows,
    running,
    until,
    wait_for_rows,
)

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_a_sink_lands_every_fact_once(sink_settings: Settings, dsn: str) -> None:
    sent = mails(1000)
    produce(sink_settings, sent)

    with running(sink_settings):
        wait_for_rows(dsn, 1000)

    assert landed(dsn) == ids(sent)
    assert rows(dsn, "SELECT sum(next_offset) FROM sink_offset") == [(1000,)]


class SlowWriter(CountingWriter):
    """Lands its first batch only when the next one is merged."""

    merged = 0

    def prepare(self, facts: Sequence[AnyFact]) -> list[str]:
        self.merged += 1
        return super().prepare(facts)

    def write(self, cursor: Cursor, prepared: Sequence[str]) -> None:
        until(lambda: self.merged > 1, what="the next batch is merged")
        super().write(cursor, prepared)


def test_a_full_batch_is_merged_while_the_one_before_it_lands(
    sink_settings: Settings, dsn: str
) -> None:
    sent = mails(1000)
    produce(sink_settings, sent)

    with running(sink_settings, SlowWriter()):
        wait_for_rows(dsn, 1000)

    assert landed(dsn) == ids(sent)


def test_a_sink_goes_on_where_the_last_one_ended(sink_settings: Settings, dsn: str) -> None:
    for first in (0, 300, 600):
        produce(sink_settings, mails(300, first))
        with running(sink_settings):
            wait_for_rows(dsn, first + 300)

    assert landed(dsn) == ids(mails(900))


def test_bytes_that_are_no_fact_go_to_the_dead_letters(sink_settings: Settings, dsn: str) -> None:
    produce(sink_settings, [*mails(5), b"{no json", *mails(5, 5)])

    with running(sink_settings):
        wait_for_rows(dsn, 10)
        letters = dead(sink_settings, 1)

    assert landed(dsn) == ids(mails(10))
    assert [(letter.stage, letter.value, letter.key) for letter in letters] == [
        ("sink", b"{no json", b"mx1/postfix/none")
    ]
    assert letters[0].topic == topics.DELIVERIES.full_name(sink_settings.kafka.prefix)
    assert "not a fact" in letters[0].reason


def test_a_fact_that_postgresql_refuses_goes_to_the_dead_letters_and_the_rest_lands(
    sink_settings: Settings, dsn: str
) -> None:
    sent = mails(50)
    for at in (0, 17, 18, 49):
        sent[at] = msgspec.structs.replace(sent[at], queue_id=f"BAD{at}")
    sent[30] = msgspec.structs.replace(sent[30], queue_id="A\0B")
    produce(sink_settings, sent)

    with running(sink_settings):
        wait_for_rows(dsn, 45)
        letters = dead(sink_settings, 5)

    assert landed(dsn) == [name for name in ids(sent) if "BAD" not in name and "\0" not in name]
    reasons = {letter.reason.partition("(")[2].rstrip(")") for letter in letters}
    assert reasons == {"SQLSTATE 23514", "SQLSTATE 22021"}
    assert rows(dsn, "SELECT sum(next_offset) FROM sink_offset") == [(50,)]


def test_a_sink_stops_when_the_schema_refuses_every_fact(sink_settings: Settings, dsn: str) -> None:
    execute(dsn, "ALTER TABLE landed ADD CHECK (queue_id = '')")
    produce(sink_settings, mails(150))

    sink = Running(sink_settings, CountingWriter())
    until(lambda: not sink.alive)

    assert isinstance(sink.failure, NotReady)
    assert "in a row" in str(sink.failure)
    assert dead(sink_settings, 0) == []


def test_facts_that_the_topic_dropped_unread_are_a_gap_and_the_rest_lands(
    sink_settings: Settings, dsn: str, admin: AdminClient
) -> None:
    produce(sink_settings, mails(120))
    with running(sink_settings):
        wait_for_rows(dsn, 120)
    produce(sink_settings, mails(120, 120))
    stood = rows(dsn, "SELECT part, next_offset FROM sink_offset")
    topic = topics.DELIVERIES.full_name(sink_settings.kafka.prefix)
    kept = [TopicPartition(topic, part, offset + 5) for part, offset in stood]
    for dropped in admin.delete_records(kept).values():
        dropped.result(20)

    with running(sink_settings):
        wait_for_rows(dsn, 120 + 120 - 6 * 5 + 6)

    assert landed(dsn).count("gap") == 6
    assert len(set(landed(dsn)) - {"gap"}) == 240 - 6 * 5


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(
    sink_settings: Settings, dsn: str, admin: AdminClient
) -> None:
    produce(sink_settings, mails(120))
    with running(sink_settings):
        wait_for_rows(dsn, 120)
    topic = topics.DELIVERIES.full_name(sink_settings.kafka.prefix)
    admin.delete_topics([topic])[topic].result(20)
    until(lambda: topic not in admin.list_topics(timeout=10).topics)
    make_missing(sink_settings)
    produce(sink_settings, mails(60, 120))

    with running(sink_settings):
        wait_for_rows(dsn, 180)

    assert landed(dsn) == ids(mails(180))


def test_a_topic_that_is_made_anew_under_a_sink_is_read_from_its_beginning(
    sink_settings: Settings, dsn: str, admin: AdminClient
) -> None:
    produce(sink_settings, mails(120))
    with running(sink_settings) as sink:
        wait_for_rows(dsn, 120)
        topic = topics.DELIVERIES.full_name(sink_settings.kafka.prefix)
        admin.delete_topics([topic])[topic].result(20)
        until(lambda: make_missing(sink_settings) == [topic] or not sink.alive)
        produce(sink_settings, mails(600, 120))
        # Some came before the sink noticed and come again: the tables take a fact twice as once.
        until(lambda: set(landed(dsn)) == set(ids(mails(720))))


def dead(sink_settings: Settings, count: int) -> list[DeadLetter]:
    """The letters on maillog.dead, once there are so many."""
    consumer = Consumer({"bootstrap.servers": config.bootstrap(sink_settings), "group.id": "none"})
    consumer.assign([TopicPartition(topics.DEAD.full_name(sink_settings.kafka.prefix), 0, 0)])
    found = letters_of(consumer)
    while len(found) < count:
        found += letters_of(consumer)
    consumer.close()
    return found


def letters_of(consumer: Consumer) -> list[DeadLetter]:
    return [
        read(message.key(), message.value(), message.headers(), message.timestamp()[1])
        for message in consumer.consume(100, 0.5)
    ]
