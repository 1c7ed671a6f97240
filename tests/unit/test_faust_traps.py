"""Settings of Faust that keep its known traps shut; docs/faults.md names the other tests."""

from importlib.metadata import version

import pytest
from posttrail_processors.app import App, make
from posttrail_processors.reading import reader_of
from posttrail_processors.transport import Consumer, Transport

from posttrail import config
from posttrail.config import Processor


@pytest.fixture
def app() -> App:
    settings = config.load(kafka={"bootstrap": "192.0.2.1:9092"})
    return make(settings, reader_of(Processor()))


def test_the_libraries_are_new_enough() -> None:
    """Before 0.15.3 every rebalance raised; Kafka 4 refuses aiokafka before 0.14."""

    def of(name: str) -> tuple[int, ...]:
        return tuple(map(int, version(name).split(".")))

    assert of("faust-streaming") >= (0, 15, 3)
    assert of("aiokafka") >= (0, 14)


def test_the_transport_is_our_own(app: App) -> None:
    """`confluent://` gets no partitions, Faust's own `aiokafka://` commits past what is in hand."""
    assert {url.scheme for url in app.conf.broker} == {"posttrail"}
    assert isinstance(app.transport, Transport)
    assert Transport.Consumer is Consumer


def test_transactions_of_faust_are_not_used(app: App) -> None:
    """exactly_once ends fenced workers, repeats lines and sends outside of transactions."""
    assert app.conf.processing_guarantee.name == "AT_LEAST_ONCE"
    assert not app.in_transaction


def test_faust_makes_no_topic_and_keeps_no_table(app: App) -> None:
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader
    assert app.conf.table_standby_replicas == 0
    assert not app.tables


def test_nothing_is_sent_by_a_producer_in_a_thread(app: App) -> None:
    """Its errors never reach the caller."""
    assert app.conf.producer_threaded is False
