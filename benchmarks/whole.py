"""The whole import as a user starts it: all stages, Kafka and PostgreSQL on this machine.

Lines a second from the first line read to the last row visible, and where the CPU time went. The
log is made beforehand (benchmarks/traffic.py); `--lines 5000000` is the run that RESULTS.md tells.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import psycopg2

from benchmarks.traffic import rounds
from posttrail import config
from posttrail.cli.up import SINKS
from posttrail.topics import DELIVERIES, RAW

PROGRAM = [sys.executable, "-m", "posttrail.cli"]
PATIENCE_S = 3600
_SIZES = Path(__file__).with_name("sizes.sql").read_text()


class Load(NamedTuple):
    """What is imported."""

    lines: int
    long: bool
    """Whether the queue ids are long ones."""
    hosts: int
    dealt: bool = False
    """Whether the hosts' lines are mixed like those of a log that a relay of syslog writes."""

    def __str__(self) -> str:
        return f"{'long' if self.long else 'short'} ids, {self.hosts} hosts"

    def write(self, path: Path) -> int:
        """Write the log; how many lines it has."""
        written = 0
        with path.open("w") as file:
            for text in rounds(self.lines, long=self.long, hosts=self.hosts, dealt=self.dealt):
                file.write(text)
                written += text.count("\n")
        return written


class Usage(msgspec.Struct, frozen=True):
    """What one program has used."""

    cpu: float
    """Seconds of user and system time, its children's included."""
    rss: int
    """Bytes it holds now; pages that PostgreSQL's processes share are counted once for each."""


def usage(pid: int) -> Usage:
    """Of a process and all its descendants."""
    top = psutil.Process(pid)
    found = [top, *top.children(recursive=True)]
    cpu = 0.0
    for process in found:
        times = process.cpu_times()
        cpu += times.user + times.system
    return Usage(cpu, sum(process.memory_info().rss for process in found))


def run(*words: str) -> str:
    """Run a command of posttrail; what it prints."""
    done = subprocess.run([*PROGRAM, *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


@contextmanager
def running(processors: int, sinks: int) -> Iterator[dict[str, int]]:
    """Everything of `posttrail up` in a home of its own; yields name -> pid."""
    with tempfile.TemporaryDirectory(prefix="posttrail-bench-") as home:
        os.environ["POSTTRAIL_HOME"] = home
        run("up", "--detach", "--processors", str(processors), "--sinks", str(sinks))
        try:
            state = json.loads((Path(home) / "run" / "state.json").read_text())
            yield {each["name"]: each["pid"] for each in state["servers"] + state["stages"]}
        finally:
            run("down")


def _import(path: Path) -> tuple[float, float]:
    """Wall seconds until all is visible, and the producer's CPU seconds."""
    began = time.perf_counter()
    before = os.times()
    subprocess.run([*PROGRAM, "produce", "file", str(path)], check=True)
    after = os.times()
    run("status", "--wait-idle", str(PATIENCE_S), "--json")
    producer = after.children_user - before.children_user
    producer += after.children_system - before.children_system
    return time.perf_counter() - began, producer


def _on_disk(lines: int, rows: dict[str, int]) -> Iterator[str]:
    """What it takes, for planning."""
    home = Path(os.environ["POSTTRAIL_HOME"])
    for topic in (RAW, DELIVERIES):
        segments = (home / "kafka" / "data").glob(f"{topic.name}-*/*.log")
        size = sum(segment.stat().st_size for segment in segments)
        yield f"  {topic.name}: {size / lines:.0f} bytes a line"
    with closing(psycopg2.connect(config.dsn(config.load()))) as connection:
        cursor = connection.cursor()
        cursor.execute(_SIZES)
        for table, heap, indexes in cursor.fetchall():
            number = rows.get(table, rows["delivery_from"])
            each = f"{heap / number:.0f} bytes a row, {indexes / number:.0f} of indexes"
            yield f"  {table}: {each if table in rows else each.replace('row', 'mail')}"


def measure(load: Load, processors: int = 1, sinks: int = SINKS) -> Iterator[str]:
    """Import it; what there is to say, line by line."""
    with tempfile.TemporaryDirectory() as directory, running(processors, sinks) as pids:
        log = Path(directory) / "mail.log"
        written = load.write(log)
        before = {name: usage(pid) for name, pid in pids.items()}
        wall, producer = _import(log)
        after = {name: usage(pid) for name, pid in pids.items()}
        rows = json.loads(run("status", "--json"))["rows"]
        disk = list(_on_disk(written, rows))
    yield (
        f"{load}, {processors} processors, {sinks} sinks: {written:,} lines in {wall:.1f} s, "
        f"{written / wall:,.0f} lines/s; rows {rows}"
    )
    spent = {"producer": producer}
    spent |= {name: after[name].cpu - before[name].cpu for name in pids}
    for name, cpu in spent.items():
        held = f", RSS {after[name].rss >> 20} MiB" if name in after else ""
        yield f"  {name:>12}: CPU {cpu / written * 1e6:.1f} us a line{held}"
    yield f"  {'all':>12}: CPU {sum(spent.values()) / written * 1e6:.1f} us a line"
    yield from disk


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument("--processors", type=int, default=1)
    parser.add_argument("--sinks", type=int, default=SINKS)
    parser.add_argument("--ids", choices=["long", "short", "both"], default="both")
    given = parser.parse_args()
    for kind in ("long", "short"):
        if given.ids in (kind, "both"):
            load = Load(given.lines, kind == "long", given.hosts)
            for line in measure(load, given.processors, given.sinks):
                print(line, flush=True)


if __name__ == "__main__":
    main()
