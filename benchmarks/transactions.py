"""What many producers cost one broker: each a transactional id of its own, as every mail host has.

Real publishers, a few hundred to a process, a few lines and a commit each in turn; the CPU of the
broker, and how long a commit takes. The commits are spread over `--pace` seconds, as far as the
machine keeps up; a producer's own pace is `producer.max_delay_before_commit`.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from posttrail_embedded.broker import EmbeddedKafka
from posttrail_producers.publisher import Publisher

from benchmarks.whole import usage
from posttrail import config
from tests.processor_world import World

LINE = b"2026-11-23T11:07:08.000000+00:00 %s postfix/qmgr[7]: 4F1A2B3C4D: removed"
THREADS = 8
IN_A_PROCESS = 250
"""librdkafka needs a thread-local key for each client; a process has 1024."""
WARM_TURNS = 5
_start: Barrier


class Plan(NamedTuple):
    """What every producer does."""

    lines: int
    """In each commit."""
    turns: int
    pace: float
    """Seconds from one commit of a producer to its next."""


def _take(barrier: Barrier) -> None:
    """Called once in each process."""
    global _start  # noqa: PLW0603  # the one way into a process of a pool
    _start = barrier


def _open(number: int) -> Publisher:
    publisher = Publisher(config.load(), f"file:mx{number}", lambda: False)
    publisher.open()
    return publisher


def _turn(publisher: Publisher, host: bytes, lines: int, due: float) -> float:
    """One producer's lines and commit; how long the commit took."""
    time.sleep(max(0.0, due - time.monotonic()))
    publisher.send([(host, LINE % host)] * lines)
    began = time.monotonic()
    publisher.commit({f"file:{host.decode()}": b"{}"})
    return time.monotonic() - began


def _turns(
    pool: ThreadPoolExecutor, publishers: Sequence[Publisher], plan: Plan, turns: int
) -> list[float]:
    began, found = time.monotonic(), list[float]()
    for turn in range(turns):
        futures = []
        for place, each in enumerate(publishers):
            due = began + plan.pace * (turn + place / len(publishers))
            futures.append(pool.submit(_turn, each, b"mx%d" % place, plan.lines, due))
        found += [future.result() for future in futures]
    return found


def _share(numbers: range, plan: Plan) -> list[float]:
    """One process's producers; seconds of each commit after all have begun."""
    with ThreadPoolExecutor(THREADS) as pool:
        publishers = list(pool.map(_open, numbers))
        _turns(pool, publishers, plan, WARM_TURNS)
        _start.wait()
        commits = _turns(pool, publishers, plan, plan.turns)
    for publisher in publishers:
        publisher.drop()
    return commits


def measure(kafka: EmbeddedKafka, producers: int, plan: Plan) -> str:
    """All producers at work on one broker; what there is to say."""
    assert kafka.child is not None
    shares = [
        range(first, min(first + IN_A_PROCESS, producers))
        for first in range(0, producers, IN_A_PROCESS)
    ]
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(len(shares) + 1)
    with ProcessPoolExecutor(len(shares), spawn, _take, (barrier,)) as pool:
        futures = [pool.submit(_share, share, plan) for share in shares]
        barrier.wait()
        before, began = usage(kafka.child.pid), time.monotonic()
        commits = [seconds for future in futures for seconds in future.result()]
        wall, after = time.monotonic() - began, usage(kafka.child.pid)
    cpu = after.cpu - before.cpu
    percentiles = statistics.quantiles(commits, n=100, method="inclusive")
    p50, p95 = percentiles[49], percentiles[94]
    return (
        f"{producers} producers, {plan.lines} lines a commit, one each {plan.pace} s: "
        f"{len(commits) / wall:,.0f} commits/s, p50 {p50 * 1e3:.0f} ms, p95 {p95 * 1e3:.0f} ms; "
        f"broker {cpu / len(commits) * 1e6:,.0f} us of CPU a commit, {cpu / wall:.0%} of a core, "
        f"RSS {after.rss >> 20} MiB"
    )


def _run(directory: Path, producers: int, plan: Plan) -> str:
    kafka = EmbeddedKafka(directory / "kafka", directory / "kafka.log")
    kafka.start()
    try:
        os.environ |= World.new(kafka.bootstrap).environment(logs__level="error")
        return measure(kafka, producers, plan)
    finally:
        kafka.stop()


def main() -> int:
    """Print a line for each number of producers."""
    own_pace = config.Settings().producer.max_delay_before_commit
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--producers", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--lines", type=int, default=5)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--pace", type=float, default=own_pace)
    given = parser.parse_args()
    plan = Plan(given.lines, given.turns, given.pace)
    for producers in given.producers:
        with tempfile.TemporaryDirectory(prefix="posttrail-bench-") as directory:
            print(_run(Path(directory), producers, plan), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
