"""Publishers in threads, and what stands on maillog.events: what tests of delivery events share."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from posttrail_events.publisher import Publisher

from posttrail.config import Settings
from posttrail.delivery_events import DeliveryEvent, Row, decode_event, key
from posttrail.records import FromFact, ToFact
from posttrail.topics import EVENTS
from tests.stories import START, long_id
from tests.tables import Store

QUEUE_ID = long_id(START, 7)
SENDER, RECIPIENT = "alice@example.com", "bob@example.net"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Published(NamedTuple):
    """A record of maillog.events."""

    key: bytes
    event: DeliveryEvent | None


def published(settings: Settings) -> list[Published]:
    """All committed records; those of one key in their order."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": "test",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    topic = EVENTS.full_name(settings.kafka.prefix)
    consumer.assign([TopicPartition(topic, number, 0) for number in range(EVENTS.partitions)])
    found, ended = [], 0
    while ended < EVENTS.partitions:
        message = consumer.poll(20)
        assert message is not None, "no end of a partition"
        if message.error() is not None:
            assert message.error().name() == "_PARTITION_EOF", message.error()
            ended += 1
        else:
            value = message.value()
            found.append(Published(message.key(), value and decode_event(value)))
    consumer.close()
    return found


def present(settings: Settings) -> dict[bytes, DeliveryEvent]:
    """What is left of the topic when it is compacted."""
    last = {record.key: record.event for record in published(settings)}
    return {name: event for name, event in last.items() if event is not None}


def rows(store: Store) -> dict[bytes, tuple[Any, ...]]:
    """Every row of the tables: its key, and what is told of it."""
    mails = store.ask(
        "SELECT host, instance, queue_id, born, sender, message_id, size, status, reason"
        " FROM delivery_from"
    )
    recipients = store.ask(
        "SELECT r.host, r.instance, r.queue_id, r.born, recipient, orig_recipient, sender,"
        " r.status, r.t, r.dsn, r.response, r.attempt_count, r.relay, r.delay, r.next_queue_id"
        " FROM delivery_to AS r LEFT JOIN delivery_from USING (queue_id, host, instance, born)"
    )
    return {key(_row(*found[:4])): found[4:] for found in mails} | {
        key(_row(*found[:6])): found[6:] for found in recipients
    }


def _row(host: str, instance: str, queue_id: str, born: datetime, *to: str) -> Row:
    return Row(host, instance, queue_id, (born - _EPOCH) // timedelta(microseconds=1), *to)


def told(event: DeliveryEvent) -> tuple[Any, ...]:
    """What an event tells, in the order of `rows`."""
    e = event
    if e.recipient is None:
        return (e.sender, e.message_id, e.size, e.status, e.reason)
    return (
        e.sender, e.status, e.t, e.dsn, e.response, e.attempts, e.relay, e.delay, e.next_queue_id,
    )  # fmt: skip


def all_is_told(settings: Settings, store: Store) -> bool:
    """Whether the compacted topic says what the tables say."""
    return {name: told(event) for name, event in present(settings).items()} == rows(store)


def nothing_waits(store: Store) -> bool:
    return store.ask("SELECT count(*) FROM event_change") == [(0,)]


def mail(second: int, **fields: Any) -> FromFact:
    """A line about the mail as a whole, so many seconds after its birth."""
    return FromFact(component="qmgr", queue_id=QUEUE_ID, **_line(second), **fields)


def attempt(second: int, status: Any, **fields: Any) -> ToFact:
    """A delivery of the mail to its recipient."""
    to = {"recipient": RECIPIENT, "relay": "mx.example.net[192.0.2.1]:25", "status": status}
    return ToFact(component="smtp", queue_id=QUEUE_ID, **_line(second), **{**to, **fields})


def _line(second: int) -> dict[str, Any]:
    t = START + second * 1_000_000
    return {"t": t, "host": "mx1", "instance": "postfix", "origin": (0, 100 + second)}


@contextmanager
def publishing(settings: Settings) -> Iterator[Publisher]:
    """A worker in a thread, until the block ends."""
    stopping = threading.Event()
    failures: list[Exception] = []

    def work() -> None:
        try:
            publisher.run(stopping)
        except Exception as error:  # noqa: BLE001  # the test looks at it
            failures.append(error)

    publisher = Publisher(settings)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        stopping.set()
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def statuses(records: Sequence[Published], *, of_recipient: bool) -> list[str | None]:
    """The states in their order, of the mail or of its recipient; None: gone or just arrived."""
    return [
        None if record.event is None else record.event.status
        for record in records
        if (record.key.count(b"/") > 3) == of_recipient
    ]
