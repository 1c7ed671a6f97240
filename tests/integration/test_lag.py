"""What waits before a stage, on a real Kafka: control and aborted records are nothing."""

import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from posttrail_embedded.broker import EmbeddedKafka

from posttrail import config, lag, topic_admin, topics
from posttrail.config import Settings
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

PARTITIONS = topics.RAW.partitions


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    return config.load(kafka={"bootstrap": kafka, "prefix": prefix})


@pytest.fixture
def topic(prefix: str) -> str:
    return topics.RAW.full_name(prefix)


@pytest.fixture
def producer(kafka: str) -> Producer:
    made = Producer({"bootstrap.servers": kafka, "transactional.id": str(uuid.uuid4())})
    made.init_transactions()
    return made


def write(producer: Producer, topic: str, lines: int, *, commit: bool = True) -> None:
    producer.begin_transaction()
    for number in range(lines):
        producer.produce(topic, f"line {number}".encode(), partition=0)
    if commit:
        producer.commit_transaction()
    else:
        producer.flush(10)
        producer.abort_transaction()


def test_nothing_waits_on_an_empty_topic(
    settings: Settings, admin: AdminClient, topic: str
) -> None:
    assert lag.waiting(settings, topic, {}, lag.ends(admin, topic, PARTITIONS)) == 0


def test_unread_lines_wait(
    settings: Settings, admin: AdminClient, topic: str, producer: Producer
) -> None:
    write(producer, topic, 3)

    found = lag.waiting(settings, topic, {0: 1}, lag.ends(admin, topic, PARTITIONS))

    assert found >= 2


def test_a_commit_marker_after_the_last_line_is_nothing_that_waits(
    settings: Settings, admin: AdminClient, topic: str, producer: Producer
) -> None:
    write(producer, topic, 3)
    eventually(lambda: lag.ends(admin, topic, PARTITIONS)[0] == 4)

    end = lag.ends(admin, topic, PARTITIONS)

    eventually(lambda: lag.waiting(settings, topic, {0: 3}, end) == 0)


def test_aborted_lines_are_nothing_that_waits(
    settings: Settings, admin: AdminClient, topic: str, producer: Producer
) -> None:
    write(producer, topic, 3)
    write(producer, topic, 50, commit=False)

    end = lag.ends(admin, topic, PARTITIONS)

    eventually(lambda: lag.waiting(settings, topic, {0: 3}, end) == 0)


def test_lines_of_an_open_transaction_wait_for_its_end(
    settings: Settings, admin: AdminClient, topic: str, producer: Producer
) -> None:
    producer.begin_transaction()
    producer.produce(topic, b"line", partition=0)
    producer.flush(10)
    end = lag.ends(admin, topic, PARTITIONS)

    assert lag.waiting(settings, topic, {}, end) == 1
    producer.abort_transaction()
    eventually(lambda: lag.waiting(settings, topic, {}, end) == 0)


def test_a_line_behind_aborted_ones_waits(
    settings: Settings, admin: AdminClient, topic: str, producer: Producer
) -> None:
    write(producer, topic, 50, commit=False)
    write(producer, topic, 1)

    assert lag.waiting(settings, topic, {}, lag.ends(admin, topic, PARTITIONS)) > 0


def test_a_group_that_never_was_has_no_offsets_and_no_members(
    settings: Settings, admin: AdminClient, topic: str
) -> None:
    assert lag.committed(settings, "nobody", topic, PARTITIONS) == {}
    assert lag.members(admin, "nobody") == []


def test_a_broker_without_any_group_can_be_asked(own_kafka: EmbeddedKafka) -> None:
    """The admin client's question ends the process here, by a fault of librdkafka."""
    settings = config.load(kafka={"bootstrap": own_kafka.bootstrap})
    topic_admin.make_missing(settings)

    assert lag.committed(settings, "nobody", topics.RAW.name, PARTITIONS) == {}


def test_a_groups_offsets_and_members_are_told(
    kafka: str, settings: Settings, admin: AdminClient, topic: str, producer: Producer
) -> None:
    write(producer, topic, 3)
    group = str(uuid.uuid4())
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "client.id": "reader"})
    try:
        consumer.subscribe([topic])
        while not consumer.assignment():
            consumer.poll(0.1)
        consumer.commit(offsets=[TopicPartition(topic, 0, 2)], asynchronous=False)

        assert lag.committed(settings, group, topic, PARTITIONS) == {0: 2}
        assert lag.members(admin, group) == ["reader"]
    finally:
        consumer.close()
