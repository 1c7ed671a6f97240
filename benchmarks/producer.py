"""The file producer beside a bare transactional loop of confluent-kafka, in one run.

The same lines, the same number of lines in a transaction, a real Kafka. The bare loop finds its
lines in memory; ours reads them from a file, finds the host, settles the time and keeps the place.
What counts is the ratio of CPU time of the process.
"""

import argparse
import gzip
import tempfile
import time
from pathlib import Path
from threading import Event
from typing import NamedTuple

from confluent_kafka import Producer
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_producers.file_import import FileImport, Times, check
from posttrail_producers.publisher import Publisher
from posttrail_producers.pump import Pump

from posttrail import config, kafka_clients, topic_admin
from posttrail.topics import RAW

SAMPLES = Path(__file__).parents[1] / "samples"
ROUNDS = 3
_TUNED: dict[str, str | int | float | bool] = {
    "linger.ms": 50,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 200_000,
    "delivery.report.only.error": True,
}
"""As our producer; most of all, no report for each line."""


class Cost(NamedTuple):
    """Of one way to bring the lines into Kafka."""

    cpu: float
    """Seconds of this process."""
    wall: float

    def of_each(self, lines: int) -> str:
        """As text."""
        return f"{self.cpu / lines * 1e6:.2f} us of CPU a line, {lines / self.wall:,.0f} lines/s"


def _bare(settings: config.Settings, lines: list[bytes], *, tuned: bool) -> Cost:
    producer = Producer(
        {
            **kafka_clients.base(settings, "bare"),
            "transactional.id": "bare",
            "compression.type": "lz4",
            **(_TUNED if tuned else {}),
        }
    )
    topic, most = RAW.full_name(settings.kafka.prefix), settings.producer.max_lines_before_commit
    producer.init_transactions()
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(lines), most):
        producer.begin_transaction()
        for value in lines[start : start + most]:
            producer.produce(topic, value, b"vm")
        producer.commit_transaction()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def _ours(settings: config.Settings, path: Path, times: Times) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    checked = check(path, times)
    assert checked is not None
    source = FileImport(checked, settings, times)
    Pump(source, Publisher(settings, source.id, lambda: False), settings.producer, Event()).run()
    source.close()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def _text(sample: str, lines: int) -> bytes:
    """The sample, over and over."""
    text = gzip.decompress((SAMPLES / sample).read_bytes())
    return text * max(1, lines // text.count(b"\n"))


def _compare(settings: config.Settings, directory: Path, lines: int) -> None:
    rfc3339, bsd = _text("mail.log.gz", lines), _text("mail-trad.log.gz", lines)
    in_memory = rfc3339.split(b"\n")[:-1]
    kinds = {
        "RFC 3339": (rfc3339, Times()),
        "RFC 3339, gzip": (gzip.compress(rfc3339), Times()),
        "no year": (bsd, Times(year=2026)),
    }
    best: dict[str, Cost] = {}
    for number in range(ROUNDS):
        costs = {
            "bare loop": _bare(settings, in_memory, tuned=False),
            "bare loop, tuned": _bare(settings, in_memory, tuned=True),
        }
        for name, (content, times) in kinds.items():
            path = directory / f"{number} {name}.log"
            # Another first line each time, or it would be known.
            extra = f"2026-11-23T11:07:06+00:00 vm bench[{number}]: {name}\n".encode()
            compressed = content.startswith(b"\x1f\x8b")
            path.write_bytes((gzip.compress(extra) if compressed else extra) + content)
            costs[name] = _ours(settings, path, times)
            path.unlink()
        best = {name: min(cost, best.get(name, cost)) for name, cost in costs.items()}
    bare, tuned = best["bare loop"].cpu, best["bare loop, tuned"].cpu
    for name, cost in best.items():
        ratios = f"{cost.cpu / bare:.2f}, to the tuned one {cost.cpu / tuned:.2f}"
        print(f"{name}: {cost.of_each(len(in_memory))}; ratio of CPU {ratios}")


def main() -> None:
    """Print each kind of file, and its ratio to the bare loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=600_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        kafka = EmbeddedKafka(directory / "kafka", directory / "kafka.log")
        kafka.start()
        try:
            settings = config.load(kafka={"bootstrap": kafka.bootstrap})
            topic_admin.make_missing(settings)
            _compare(settings, directory, lines)
        finally:
            kafka.stop()


if __name__ == "__main__":
    main()
