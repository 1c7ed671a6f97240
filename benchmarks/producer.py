"""The file producer beside a bare transactional loop of confluent-kafka, in one run.

The same files, the same number of lines in a transaction, a real Kafka. The bare loop reads lines
from the file, decompressed if need be, and produces them as they are under one key. Ours checks the
form of each, finds the host, settles the time and keeps the place. What counts is the ratio of CPU
time of the process, the best of some rounds. The bare loop runs with the client's defaults, and
once more with our producer's settings.
"""

import argparse
import gzip
import io
import itertools
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Event
from typing import BinaryIO, NamedTuple, cast

from confluent_kafka import Producer
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_producers.file_import import FileImport, Times, check
from posttrail_producers.publisher import Publisher
from posttrail_producers.pump import Pump

from posttrail import config, kafka_clients, topic_admin
from posttrail.textfiles import BLOCK
from posttrail.topics import RAW

SAMPLES = Path(__file__).parents[1] / "samples"
ROUNDS = 3
SLOW = 5
"""Lines a second of a host that is not busy."""
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


def _reader(path: Path) -> BinaryIO:
    """Lines as quickly as the standard library gives them."""
    if path.suffix == ".gz":
        return cast("BinaryIO", io.BufferedReader(gzip.GzipFile(path), BLOCK))
    return path.open("rb", buffering=BLOCK)


def _bare(settings: config.Settings, path: Path, *, tuned: bool) -> Cost:
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
    with _reader(path) as file:
        while lines := list(islice(file, most)):
            producer.begin_transaction()
            for line in lines:
                producer.produce(topic, line[:-1], b"vm")
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


def _slow_host(lines: int) -> bytes:
    """Stamps without a year of a host that logs a few lines each second."""
    text = gzip.decompress((SAMPLES / "mail-trad.log.gz").read_bytes())
    rests = itertools.cycle(line[15:] for line in text.split(b"\n")[:-1])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    seconds = (begin + timedelta(seconds=n // SLOW) for n in range(lines))
    return b"".join(
        f"{at:%b} {at.day:2} {at:%H:%M:%S}".encode() + rest + b"\n"
        for at, rest in zip(seconds, rests, strict=False)
    )


def _kinds(lines: int) -> dict[str, tuple[bytes, Times]]:
    """Name -> the file's bytes, and what the user says of its stamps."""
    rfc3339, year = _text("mail.log.gz", lines), Times(year=2026)
    bsd = _text("mail-trad.log.gz", lines)
    return {
        "RFC 3339": (rfc3339, Times()),
        "RFC 3339, gzip": (gzip.compress(rfc3339), Times()),
        "no year": (bsd, year),
        "no year, gzip": (gzip.compress(bsd), year),
        f"no year, {SLOW} lines a second": (_slow_host(lines), year),
    }


def _path(directory: Path, number: int, name: str, content: bytes) -> Path:
    """A file with another first line each time, or it would be known."""
    extra = f"2026-01-01T00:00:00+00:00 vm bench[{number}]: {name}\n".encode()
    compressed = content.startswith(b"\x1f\x8b")
    path = directory / f"{number} {name}.log{'.gz' if compressed else ''}"
    path.write_bytes((gzip.compress(extra) if compressed else extra) + content)
    return path


def _compare(settings: config.Settings, directory: Path, lines: int) -> None:
    for name, (content, times) in _kinds(lines).items():
        rounds: dict[str, list[Cost]] = {"bare": [], "bare, our settings": [], "ours": []}
        for number in range(ROUNDS):
            path = _path(directory, number, name, content)
            rounds["bare"].append(_bare(settings, path, tuned=False))
            rounds["bare, our settings"].append(_bare(settings, path, tuned=True))
            rounds["ours"].append(_ours(settings, path, times))
            path.unlink()
        best = {way: min(costs) for way, costs in rounds.items()}
        for way, cost in best.items():
            print(f"{name}: {way}: {cost.of_each(lines)}")
        bare, tuned = (best["ours"].cpu / best[way].cpu for way in ("bare", "bare, our settings"))
        print(f"{name}: ratio of CPU {bare:.2f}; with our settings {tuned:.2f}")


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
