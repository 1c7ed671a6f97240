"""Facts, a writer that counts, and sinks in threads: what tests of the sink share."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from confluent_kafka import Producer
from posttrail_sinks.consumer import Sink
from posttrail_sinks.database import Connection, Cursor
from posttrail_sinks.dead_letters import DeadLetters
from posttrail_sinks.landing import Store, Writer

from posttrail import config, topics
from posttrail.config import Settings
from posttrail.identity import deliveries_key
from posttrail.records import AnyFact, FromFact, NoqueueFact, ToFact, encode_fact

ROUNDS = int(os.environ.pop("POSTTRAIL_TEST_ROUNDS", "5"))
"""How often tests of faults try; more find more."""

NOON = 1_574_856_000_000_000
"""2019-11-27 12:00 UTC, in microseconds."""


def mails(count: int, first: int = 0) -> list[FromFact]:
    """As many mails, one fact of each, with ids that tell their number."""
    return [
        FromFact(
            t=NOON + number,
            host="mx1",
            origin=(0, number),
            instance="postfix",
            component="qmgr",
            queue_id=f"A{number:05X}",
            sender="alice@example.com",
            size=number,
        )
        for number in range(first, first + count)
    ]


def traffic(count: int, first: int = 0) -> list[AnyFact]:
    """Mails with two recipients and refusals; short ids, some of them used again and again."""
    return [fact for number in range(first, first + count) for fact in _mail(number)]


def _mail(number: int) -> list[AnyFact]:
    common: dict[str, Any] = {"host": f"mx{number % 3}", "instance": "postfix"}
    mail = common | {"queue_id": f"0000A{number % 40:03X}"}
    t = NOON + number * 1_000_000 + 20
    client: dict[str, Any] = {"client_name": "mail.example.com", "client_addr": "192.0.2.1"}
    return [
        FromFact(t=t, origin=(0, number * 5), component="smtpd", **client, **mail),
        FromFact(t=t + 1, origin=(0, number * 5 + 1), component="qmgr", size=number,
                 sender=f"s{number}@example.com", nrcpt=2, **mail),
        ToFact(t=t + 2, origin=(0, number * 5 + 2), component="smtp", status="deferred",
               recipient="a@example.net", **mail),
        ToFact(t=t + 3, origin=(0, number * 5 + 3), component="smtp", status="sent",
               recipient="a@example.net", **mail),
        NoqueueFact(t=t + 4, origin=(0, number * 5 + 4), component="smtpd", action="reject",
                    pid=number, reason="no", **common),
    ]  # fmt: skip


def ids(facts: Sequence[FromFact]) -> list[str]:
    """Their queue ids, sorted."""
    return sorted(fact.queue_id for fact in facts)


def produce(settings: Settings, facts: Sequence[AnyFact | bytes]) -> None:
    """Put facts, or bytes that are none, on maillog.deliveries."""
    producer = Producer({"bootstrap.servers": config.bootstrap(settings), "linger.ms": 5})
    topic = topics.DELIVERIES.full_name(settings.kafka.prefix)
    for fact in facts:
        if isinstance(fact, bytes):
            producer.produce(topic, fact, b"mx1/postfix/none")
        else:
            producer.produce(topic, encode_fact(fact), deliveries_key(fact))
    assert producer.flush(20) == 0


class CountingWriter:
    """Inserts a row per fact, with no key: a fact that lands twice shows."""

    def prepare_connection(self, connection: Connection) -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE stage (queue_id text) ON COMMIT DELETE ROWS")

    def prepare(self, facts: Sequence[AnyFact]) -> list[str]:
        return [getattr(fact, "queue_id", "gap") for fact in facts]

    def write(self, cursor: Cursor, prepared: Sequence[str]) -> None:
        from io import StringIO

        cursor.copy_expert("COPY stage FROM STDIN", StringIO("\n".join([*prepared, ""])))
        cursor.execute("INSERT INTO landed SELECT queue_id FROM stage")


def make_counting_table(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE landed (queue_id text NOT NULL CHECK (queue_id !~ '^BAD'))")


def rows(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


TABLES = ("delivery_from", "delivery_to", "noqueue")


def everything(dsn: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    return {
        table: [row for (row,) in rows(dsn, f"SELECT whole::text FROM {table} AS whole ORDER BY 1")]
        for table in TABLES
    }


def landed(dsn: str) -> list[str]:
    """Every fact that the counting writer landed, as often as it did."""
    return [name for (name,) in rows(dsn, "SELECT queue_id FROM landed ORDER BY queue_id")]


def wait_for_rows(dsn: str, count: int) -> None:
    """Wait until the counting writer has landed so many facts."""
    until(lambda: len(landed(dsn)) >= count, what=f"{count} rows")


def until(holds: Callable[[], bool], seconds: float = 20, what: str = "") -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Running:
    """A sink in a thread."""

    def __init__(self, settings: Settings, writer: Writer) -> None:
        self.stopping = threading.Event()
        self.failure: BaseException | None = None
        self.store = Store(
            config.dsn(settings), writer, DeadLetters(settings).send, keep_up=lambda _: None
        )
        self.sink = Sink(settings, writer, self.store)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.sink.run(self.stopping)
        except Exception as error:  # noqa: BLE001  # the test looks at it
            self.failure = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self, seconds: float = 20) -> None:
        self.stopping.set()
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the sink did not end"


@contextmanager
def running(settings: Settings, writer: Writer | None = None) -> Iterator[Running]:
    """A sink that works until the block ends."""
    sink = Running(settings, writer or CountingWriter())
    try:
        yield sink
    finally:
        sink.stop()
    if sink.failure is not None:
        raise sink.failure
