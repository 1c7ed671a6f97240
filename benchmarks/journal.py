"""The journal producer beside a bare loop of confluent-kafka over the same lines, in one run.

A real journald writes the journal, a real Kafka takes the lines. What counts is entries/s, and the
ratio of CPU time: what reading the journal costs on top of producing.
"""

import argparse
import tempfile
import time
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest
from confluent_kafka import Producer
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_producers.journal_source import JournalSource
from posttrail_producers.publisher import Publisher
from posttrail_producers.pump import Pump
from posttrail_producers.source import Record

from posttrail import config, kafka_clients, logs, topic_admin
from posttrail.config import Logs
from posttrail.topics import RAW
from tests.fix_journal import Journald, require_systemd_python, running_journald

LINE = (
    "<22>Jan  1 12:00:00 postfix/smtp[4711]: 4bQk3f{number:06d}zQ7: to=<user@example.org>, "
    "relay=mx.example.org[198.51.100.7]:25, delay=0.9, delays=0.1/0.02/0.3/0.48, dsn=2.0.0, "
    "status=sent (250 2.0.0 Ok: queued as 4bQk3f7K9zQ7)"
)


class Cost(NamedTuple):
    """Of one way to bring the lines into Kafka."""

    wall: float
    cpu: float
    """Seconds of this process."""

    def of_each(self, lines: int) -> str:
        """As text."""
        return f"{lines / self.wall:,.0f} lines/s, {self.cpu / lines * 1e6:.1f} us of CPU a line"


class ToTheEnd(JournalSource):
    """A journal that ends where it stands when it was read."""

    @property
    def finished(self) -> bool:  # type: ignore[override]
        """At the end for now."""
        return self._at_end


def _fill(journald: Journald, lines: int) -> None:
    with journald.logger() as logger:
        for number in range(lines):
            logger.send(LINE.format(number=number).encode())
    journald.sync()


def _produce(settings: config.Settings) -> Cost:
    source = ToTheEnd(settings.producer.journal, "here")
    pump = Pump(source, Publisher(settings, source.id, lambda: False), settings.producer, Event())
    wall, cpu = time.perf_counter(), time.process_time()
    pump.run()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _records(settings: config.Settings) -> list[Record]:
    source = ToTheEnd(settings.producer.journal, "here")
    source.resume({})
    records: list[Record] = []
    while not source.finished:
        records += source.read(10_000).records
    return records


def _bare(settings: config.Settings, records: list[Record]) -> Cost:
    """produce() and a commit after as many lines as the producer's, nothing else."""
    producer = Producer(
        {
            **kafka_clients.base(settings, "bare"),
            "transactional.id": "bare",
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.num.messages": 100_000,
            "queue.buffering.max.messages": 200_000,
        }
    )
    topic, most = RAW.full_name(settings.kafka.prefix), settings.producer.max_lines_before_commit
    producer.init_transactions()
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(records), most):
        producer.begin_transaction()
        for key, value in records[start : start + most]:
            producer.produce(topic, value, key)
        producer.commit_transaction()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _compare(lines: int) -> None:
    require_systemd_python()
    with running_journald() as journald, tempfile.TemporaryDirectory() as directory:
        _fill(journald, lines)
        kafka = EmbeddedKafka(Path(directory), Path(directory) / "kafka.log")
        kafka.start()
        try:
            settings = config.load(
                kafka={"bootstrap": kafka.bootstrap},
                producer={"journal": {"directory": journald.directory}},
            )
            topic_admin.make_missing(settings)
            bare = _bare(settings, _records(settings))
            ours = _produce(settings)
        finally:
            kafka.stop()
    print(f"journal: {ours.of_each(lines)}")
    print(f"bare:    {bare.of_each(lines)}; ratio of CPU {ours.cpu / bare.cpu:.2f}")


def main() -> None:
    """Print both, and the ratio; or what is not here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=300_000)
    lines = parser.parse_args().lines
    logs.set_up(Logs(level="warning"))
    try:
        _compare(lines)
    except pytest.skip.Exception as absent:
        print(f"not measured: {absent.msg}")


if __name__ == "__main__":
    main()
