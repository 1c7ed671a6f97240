"""A whole sink beside a bare loop that consumes the same facts and does nothing, in the same run.

From Kafka to COMMIT: facts and rows a second, and CPU time per fact of the sink's process; then
rows a second of several sinks at once, as processes of their own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg2
from confluent_kafka import Consumer, Producer, TopicPartition
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_embedded.database import EmbeddedPostgres
from posttrail_sinks.consumer import Sink
from posttrail_sinks.dead_letters import DeadLetters
from posttrail_sinks.landing import Store
from posttrail_sinks.migrate import migrate
from posttrail_sinks.policy import Policy
from posttrail_sinks.upkeep import keep_up
from posttrail_sinks.writer import Writer

from benchmarks.sink import facts
from posttrail import config, logs, topic_admin, topics
from posttrail.cli.worker import collect_rarely
from posttrail.config import Settings
from posttrail.identity import deliveries_key
from posttrail.records import AnyFact, encode_fact

TOPIC = topics.DELIVERIES.name


def produce(settings: Settings, given: Sequence[AnyFact]) -> None:
    """Put the facts on the topic, as processors do."""
    producer = Producer(
        {
            "bootstrap.servers": config.bootstrap(settings),
            "compression.type": "lz4",
            "partitioner": "consistent_random",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for fact in given:
        producer.produce(TOPIC, encode_fact(fact), deliveries_key(fact))
        producer.poll(0)
    assert producer.flush(60) == 0


def bare(settings: Settings, number: int) -> float:
    """CPU seconds of a loop that reads the facts and does nothing with them."""
    consumer = Consumer({"bootstrap.servers": config.bootstrap(settings), "group.id": "bare"})
    parts = range(topics.DELIVERIES.partitions)
    consumer.assign([TopicPartition(TOPIC, part, 0) for part in parts])
    began, left = time.process_time(), number
    while left > 0:
        left -= len([m.value() for m in consumer.consume(settings.sink.batch_facts, 0.5)])
    spent = time.process_time() - began
    consumer.close()
    return spent


def _number(dsn: str, question: str) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        ((found,),) = cursor.fetchall()
    return int(found)


def landed(dsn: str) -> int:
    """Facts whose transaction is committed."""
    return _number(dsn, "SELECT coalesce(sum(next_offset), 0) FROM sink_offset")


def rows(dsn: str) -> int:
    """Of the mails' tables."""
    return sum(
        _number(dsn, f"SELECT count(*) FROM {table}") for table in ("delivery_from", "delivery_to")
    )


def sink(settings: Settings, number: int) -> tuple[float, float, int]:
    """Wall and CPU seconds until all facts have landed, and the rows they made."""
    dsn = config.dsn(settings)
    writer = Writer(Policy.of(settings.sink))
    store = Store(
        dsn, writer, DeadLetters(settings).send, lambda connection: keep_up(connection, writer)
    )
    worker, stopping = Sink(settings, writer, store), threading.Event()
    collect_rarely()
    thread = threading.Thread(target=worker.run, args=(stopping,))
    thread.start()
    while not worker.claimed:
        time.sleep(0.01)
    began, spent = time.perf_counter(), time.process_time()
    while int(worker.health().detail["facts_landed"]) < number:
        time.sleep(0.05)
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    stopping.set()
    thread.join()
    return wall, cpu, rows(dsn)


def together(settings: Settings, number: int, sinks: int) -> float:
    """Rows a second of so many sinks, from the first third of the facts to the last one."""
    env = {
        **os.environ,
        "POSTTRAIL_KAFKA__BOOTSTRAP": config.bootstrap(settings),
        "POSTTRAIL_POSTGRES__DSN": config.dsn(settings),
        "POSTTRAIL_SINK__GROUP": f"together{sinks}",
        "POSTTRAIL_LOGS__LEVEL": "error",
    }
    with ExitStack() as ended:
        for _ in range(sinks):
            process = subprocess.Popen([sys.executable, "-m", "posttrail.cli", "sink"], env=env)
            ended.callback(process.wait)
            ended.callback(process.terminate)
        first, first_rows = _when(config.dsn(settings), number // 3)
        last, last_rows = _when(config.dsn(settings), number)
    return (last_rows - first_rows) / (last - first)


def _when(dsn: str, facts_landed: int) -> tuple[float, int]:
    """When so many facts have landed, and the rows there are then."""
    while landed(dsn) < facts_landed:
        time.sleep(0.05)
    return time.perf_counter(), rows(dsn)


def compare(settings: Settings, mails: int, *, short: bool) -> None:
    """One comparison, one line."""
    given = facts(0, mails, short=short)
    produce(settings, given)
    idle = bare(settings, len(given)) / len(given) * 1e6
    wall, cpu, made = sink(settings, len(given))
    each = cpu / len(given) * 1e6
    print(
        f"{'short' if short else 'long'} ids: {len(given) / wall:,.0f} facts/s, "
        f"{made / wall:,.0f} rows/s; CPU of the sink {each:.1f} us a fact, "
        f"bare consume {idle:.1f} us ({each / idle:.1f} x)"
    )


@contextmanager
def tables(kafka: EmbeddedKafka, postgres: EmbeddedPostgres, name: str) -> Iterator[Settings]:
    """An empty topic and empty tables; the topic goes afterwards."""
    with closing(psycopg2.connect(postgres.dsn("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
    settings = config.load(
        kafka={"bootstrap": kafka.bootstrap}, postgres={"dsn": postgres.dsn(name)}
    )
    migrate(config.dsn(settings))
    topic_admin.make_missing(settings)
    yield settings
    admin = topic_admin.client(settings)
    admin.delete_topics([TOPIC])[TOPIC].result(30)
    time.sleep(1)


def main() -> None:
    """Both kinds of queue ids, each on servers of its own data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--sinks", type=int, nargs="*", default=[1, 2], help="together")
    given = parser.parse_args()
    logs.set_up(config.Logs(level="error"))
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home)
        kafka = EmbeddedKafka(directory / "kafka", directory / "kafka.log")
        postgres = EmbeddedPostgres(directory / "postgres", directory / "postgres.log")
        try:
            kafka.start()
            postgres.start()
            for short in (False, True):
                kind = "short" if short else "long"
                with tables(kafka, postgres, kind) as settings:
                    compare(settings, given.mails, short=short)
                for sinks in given.sinks:
                    with tables(kafka, postgres, f"{kind}{sinks}") as settings:
                        made = facts(0, given.mails, short=short)
                        produce(settings, made)
                        rate = together(settings, len(made), sinks)
                    print(f"{kind} ids, {sinks} sinks together: {rate:,.0f} rows/s", flush=True)
        finally:
            postgres.stop()
            kafka.stop()


if __name__ == "__main__":
    main()
