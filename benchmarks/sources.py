"""One file producer with many followed logs: memory, descriptors, CPU when idle, and latency.

No Kafka: what a producer does between two commits is measured, turn by turn as the pump turns it.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from posttrail_producers.file_follow import FileFollow
from posttrail_producers.file_import import Times
from posttrail_producers.pump import IDLE_S, READ_LINES

from posttrail import config, logs
from posttrail.config import Logs

LINE = "2026-11-23T11:07:08.000000+00:00 mx{0} postfix/qmgr[7]: 0123456789: line {1}\n"
TURNS = 20


def _write(directory: Path, sources: int, lines: int) -> None:
    for source in range(sources):
        with (directory / f"mx{source}.log").open("a", encoding="utf-8") as log:
            log.writelines(LINE.format(source, number) for number in range(lines))


def _read_all(source: FileFollow) -> int:
    lines = 0
    while (batch := source.read(READ_LINES)).positions:
        lines += len(batch.records)
    return lines


def _memory_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _idle(source: FileFollow) -> float:
    """Seconds of CPU of one turn that finds nothing."""
    began = time.process_time()
    for _ in range(TURNS):
        source.read(READ_LINES)
    return (time.process_time() - began) / TURNS


def main() -> None:
    """Print what so many logs cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=50)
    parser.add_argument("--lines", type=int, default=100)
    given = parser.parse_args()
    logs.set_up(Logs(level="error"))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        _write(directory, given.sources, given.lines)
        before, began, cpu = _memory_kb(), time.perf_counter(), time.process_time()
        source = FileFollow([f"{directory}/*.log"], config.load(), Times())
        source.resume({})
        opened, opened_cpu = time.perf_counter() - began, time.process_time() - cpu
        began = time.perf_counter()
        lines = _read_all(source)
        took = time.perf_counter() - began
        idle = _idle(source)
        _write(directory, given.sources, 1)
        began = time.perf_counter()
        _read_all(source)
        latency = time.perf_counter() - began
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        source.close()
    print(f"{given.sources} logs: opened in {opened:.2f} s ({opened_cpu:.2f} s of CPU)")
    print(f"{lines} lines read in {took:.2f} s; one more line of each in {latency:.3f} s")
    print(f"idle: {idle * 1e3:.1f} ms of CPU a turn, {idle / (idle + IDLE_S):.1%} of a core")
    print(f"{descriptors} descriptors, {(_memory_kb() - before) / given.sources:.1f} kB a log")


if __name__ == "__main__":
    main()
