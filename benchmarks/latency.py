"""From the writing of a log line to its row being visible, while a file is followed live.

A writer appends real lines to a file at a fixed rate, each stamped with the moment of writing; all
stages run as `posttrail up` starts them. PostgreSQL itself tells when each row was committed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

import psycopg2

from benchmarks.traffic import Traffic
from benchmarks.whole import PROGRAM, run
from posttrail import config

TICKS_A_SECOND = 50
_AGO_S = 3600
"""The queue ids are of an hour before: none is of the future, however slow the writer is."""
_COMMITTED = Path(__file__).with_name("latency.sql").read_text()


@contextmanager
def _running() -> Iterator[str]:
    """Everything of `posttrail up`, with a PostgreSQL that keeps times of commit; yields a dsn."""
    with tempfile.TemporaryDirectory(prefix="posttrail-bench-") as home:
        os.environ["POSTTRAIL_HOME"] = home
        run("up", "--detach")
        try:
            with closing(psycopg2.connect(config.dsn(config.load()))) as connection:
                connection.autocommit = True
                connection.cursor().execute("ALTER SYSTEM SET track_commit_timestamp = on")
            run("down")
            run("up", "--detach")
            yield config.dsn(config.load())
        finally:
            run("down")


def _lines() -> Iterator[str]:
    """Lines without their stamps, for ever."""
    traffic = Traffic(long=True, hosts=6, later=int(time.time()) - _AGO_S)
    for number in count():
        for line in traffic.round(number).splitlines():
            yield line.partition(" ")[2]


def _write(path: Path, rate: int, seconds: float, lines: Iterator[str]) -> None:
    """Append so many lines a second, in fifty portions."""
    began = time.monotonic()
    with path.open("a", buffering=1 << 20) as file:
        for tick in range(int(seconds * TICKS_A_SECOND)):
            time.sleep(max(0.0, began + tick / TICKS_A_SECOND - time.monotonic()))
            stamp = datetime.now(UTC).isoformat(timespec="microseconds")
            file.writelines(f"{stamp} {line}\n" for line in islice(lines, rate // TICKS_A_SECOND))
            file.flush()


def _latencies(dsn: str, since: float) -> list[float]:
    """Seconds from the last line of each mail to the commit of its row."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(_COMMITTED, {"since": since})
        return sorted(seconds for (seconds,) in cursor.fetchall())


def _mails(dsn: str) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM delivery_from")
        return int(cursor.fetchall()[0][0])


def _await_first(dsn: str, before: int) -> None:
    """Until the file's first lines are visible: the start is not what is measured."""
    while _mails(dsn) == before:
        time.sleep(0.1)


def measure(dsn: str, rate: int, seconds: float, lines: Iterator[str]) -> str:
    """Follow a file that grows at this rate; what there is to say."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "mail.log"
        path.write_text("".join(line + "\n" for line in _first(lines)))
        before = _mails(dsn)
        producer = subprocess.Popen([*PROGRAM, "produce", "file", "--follow", str(path)])
        try:
            _await_first(dsn, before)
            since = time.time()
            _write(path, rate, seconds, lines)
            run("status", "--wait-idle", "60")
        finally:
            producer.terminate()
            producer.wait(30)
    found = _latencies(dsn, since)
    percentiles = statistics.quantiles(found, n=100, method="inclusive")
    p50, p95, p99 = (percentiles[percent - 1] for percent in (50, 95, 99))
    return (
        f"{rate:,} lines/s: {len(found):,} mails; seconds to the visible row: p50 {p50:.2f}, "
        f"p95 {p95:.2f}, p99 {p99:.2f}, most {found[-1]:.2f}"
    )


def _first(lines: Iterator[str]) -> Iterator[str]:
    """A file that is empty is not known by its content yet."""
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    return (f"{stamp} {line}" for line in islice(lines, 400))


def main() -> int:
    """Print a line for each rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 1_000, 5_000])
    given = parser.parse_args()
    lines = _lines()
    with _running() as dsn:
        for rate in given.rates:
            print(measure(dsn, rate, given.seconds, lines), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
