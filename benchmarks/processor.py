"""The processor beside a bare loop of confluent-kafka with the same parser, in one run.

Both read the same lines from a real Kafka, read_committed, and send the same facts, lz4, acks of
all. What counts is the ratio of CPU time a line; the workers' start is taken off by a first run
over few lines.
"""

import argparse
import gzip
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_processors.progress import Batch
from posttrail_processors.reading import Outgoing, Reader, read, reader_of

from posttrail import kafka_clients, topics
from posttrail.config import Processor, Settings, load
from tests.processor_world import World

SAMPLE = Path(__file__).parents[1] / "samples" / "mail.log.gz"
FEW = 10_000
MOST_SECONDS = 900


class Cost(NamedTuple):
    """Of one run."""

    wall: float
    cpu: float
    """Seconds of the one process."""


class Line(NamedTuple):
    """What the parser sees of a record."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None


def bare(settings: Settings, lines: int) -> Cost:
    """consume, parse, produce, flush, commit: nothing that is not needed."""
    prefix = settings.kafka.prefix
    consumer = Consumer(
        {
            **kafka_clients.base(settings, "bench"),
            "group.id": f"{prefix}bare",
            "log_level": 0,  # a consumer has no partitioner, and says so
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer(
        {
            **kafka_clients.base(settings, "bench"),
            "compression.type": "lz4",
            "enable.idempotence": True,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    reader = reader_of(Processor())
    consumer.subscribe([topics.RAW.full_name(prefix)])
    first = consumer.consume(1, 30)
    wall, cpu = time.perf_counter(), time.process_time()
    done = 0
    messages = first
    while done < lines:
        records = [one for one in messages if _is_record(one)]
        for topic, sent in _read(settings, records, reader):
            producer.produce(topic, sent.value, sent.key, headers=sent.headers)
        producer.flush()
        consumer.commit(asynchronous=False)
        done += len(records)
        messages = consumer.consume(5000, 1.0)
    cost = Cost(time.perf_counter() - wall, time.process_time() - cpu)
    consumer.close()
    return cost


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
        raise KafkaException(error)
    return error is None


def _read(settings: Settings, records: list[Message], reader: Reader) -> list[tuple[str, Outgoing]]:
    prefix = settings.kafka.prefix
    lines = [Line(one.offset(), one.key(), one.value(), one.timestamp()[1]) for one in records]
    reading = read(Batch((topics.RAW.name, 0), 0, 0, lines), reader)
    facts = [(topics.DELIVERIES.full_name(prefix), one) for one in reading.facts]
    return facts + [(topics.DEAD.full_name(prefix), one) for one in reading.letters]


def worker(world: World, directory: Path) -> Cost:
    """`posttrail process` until all is committed."""
    begun = time.perf_counter()
    with world.worker(directory / "worker.log") as running:
        running.wait_until_ready()
        world.wait_until_done(MOST_SECONDS)
        wall = time.perf_counter() - begun
        running.process.terminate()
        _, status, usage = os.wait4(running.process.pid, 0)
        running.process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def _filled(bootstrap: str, sample: list[bytes], lines: int) -> World:
    world = World.new(bootstrap)
    batch = 20_000
    for start in range(0, lines, batch):
        some = (sample[one % len(sample)] for one in range(start, min(start + batch, lines)))
        world.write(some, spread=True)
    return world


def _say(name: str, cost: Cost, lines: int) -> float:
    each = cost.cpu / lines * 1e6
    print(f"{name:24} {each:6.1f} us of CPU a line, {lines / cost.wall:10,.0f} lines/s")
    return each


def run(lines: int, rounds: int) -> None:
    """Measure and print."""
    sample = gzip.decompress(SAMPLE.read_bytes()).splitlines()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kafka = EmbeddedKafka(directory / "kafka", directory / "kafka.log")
        kafka.start()
        try:
            start = worker(_filled(kafka.bootstrap, sample, FEW), directory)
            for _ in range(rounds):
                world = _filled(kafka.bootstrap, sample, lines + FEW)
                settings = load(kafka={"bootstrap": kafka.bootstrap, "prefix": world.prefix})
                loop = _say("bare loop + parse", bare(settings, lines + FEW), lines + FEW)
                whole = worker(world, directory)
                marginal = Cost(whole.wall - start.wall, whole.cpu - start.cpu)
                each = _say("posttrail process", marginal, lines)
                print(f"{'ratio':24} {each / loop:6.2f}")
        finally:
            kafka.stop()


def main() -> None:
    """The processor's benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    run(given.lines, given.rounds)


if __name__ == "__main__":
    main()
