"""Faults at random on a whole pipe at work, and the oracle's word at the end: `make chaos`.

    python -m tests.chaos --seconds 600 --seed 7      all faults together, some at a time
    python -m tests.chaos --each                      every fault alone: the table of docs/faults.md

The seed decides which fault strikes when; two runs with one seed differ by the machine's pace only.
The exit code is 1 when anything was lost, came twice or is wrong; then everything that a person
needs to look into it is kept and named.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path

import psycopg2

from tests import faults
from tests.faults import FAULTS, NEED_DISKS
from tests.mail_hosts import Host
from tests.oracle import Verdict
from tests.pipe import Pipe, Servers, running

BURST = 5
"""Mails that a host logs at a time."""
MOST_AT_ONCE = 3


class Watch(threading.Thread):
    """Looks at the tables: when they last grew, and the longest pause."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self._ending = threading.Event()
        self._landed = 0
        self._grew_at = time.monotonic()
        self.longest = 0.0

    def run(self) -> None:
        while not self._ending.wait(0.1):
            with suppress(psycopg2.Error):
                self._look()

    def _look(self) -> None:
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(sum(next_offset), 0) FROM sink_offset")
            [(landed,)] = cursor.fetchall()
        if landed > self._landed:
            self._landed = landed
            self.longest = max(self.longest, time.monotonic() - self._grew_at)
            self._grew_at = time.monotonic()

    def begin(self) -> None:
        """From now on."""
        self._grew_at, self.longest = time.monotonic(), 0.0

    def end(self) -> None:
        self._ending.set()
        self.join()


class Flow:
    """Mails without end: a burst of each host of the day whenever it is called."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._days = 0
        self.hosts: list[Host] = []

    def new_day(self) -> list[Host]:
        """New mail hosts: one with long ids, one with short ones."""
        pipe, day = self._pipe, self._days
        self._days += 1
        self.hosts = [
            pipe.new_host(f"long{day}.example.com", long=True),
            pipe.new_host(f"short{day}.example.com", long=False),
        ]
        return self.hosts

    def run(self, seconds: float) -> None:
        """Let them log for a while."""
        until = time.monotonic() + seconds
        while True:
            for host in self.hosts:
                self._pipe.log(host, BURST)
            self._pipe.pause(min(0.3, max(0.0, until - time.monotonic())))
            if time.monotonic() >= until:
                return


def target(name: str) -> str:
    """What a fault hurts: faults of one target never strike together."""
    for word in ("broker", "PostgreSQL", "producer", "processor", "sink"):
        if word in name:
            return word
    return "clock"


def some_faults(dice: random.Random, names: Sequence[str]) -> list[str]:
    """One to three faults with different targets."""
    chosen: list[str] = []
    for name in dice.sample(names, len(names)):
        if target(name) not in map(target, chosen):
            chosen.append(name)
    return chosen[: dice.randint(1, MOST_AT_ONCE)]


def strike(pipe: Pipe, flow: Flow, names: Sequence[str]) -> None:
    """Do these faults at once, while mails come in."""
    with ExitStack() as struck:
        for name in names:
            struck.enter_context(FAULTS[name](pipe))
        flow.run(1.5)


def random_faults(pipe: Pipe, seconds: float, dice: random.Random) -> tuple[Verdict, float]:
    """Faults until the time is over; the verdict on all lines, and the longest pause in seconds."""
    flow, watch = Flow(pipe), Watch(pipe.servers.dsn)
    names = [name for name in FAULTS if possible(name)]
    flow.new_day()
    flow.run(3)
    watch.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        flow.new_day()
        chosen = some_faults(dice, names)
        print(f"{max(0, until - time.monotonic()):5.0f} s left: {', '.join(chosen)}", flush=True)
        strike(pipe, flow, chosen)
        flow.run(dice.uniform(0, 6))
    pipe.settle(300)
    watch.end()
    return pipe.judge(pipe.hosts), watch.longest


def each_fault(pipe: Pipe) -> tuple[Verdict, float]:
    """Every fault alone, a row of the table for each."""
    flow, watch = Flow(pipe), Watch(pipe.servers.dsn)
    total, longest = Verdict(), 0.0
    watch.start()
    print("| fault | lost | twice | wrong | longest pause, s |\n|---|---|---|---|---|")
    for name in filter(possible, FAULTS):
        hosts = flow.new_day()
        flow.run(2)
        pipe.settle()
        watch.begin()
        strike(pipe, flow, [name])
        flow.run(3)
        pipe.settle()
        found = pipe.judge(hosts)
        print(
            f"| {name} | {found.lost} | {found.twice} | {found.wrong} | {watch.longest:.1f} |",
            flush=True,
        )
        total.take(found)
        longest = max(longest, watch.longest)
    watch.end()
    return total, longest


def possible(name: str) -> bool:
    """Small file systems can be mounted by root only."""
    return name not in NEED_DISKS or os.geteuid() == 0


@contextmanager
def servers(directory: Path) -> Iterator[Servers]:
    disks = contextmanager(faults.small_disks)(directory) if os.geteuid() == 0 else nullcontext()
    with disks:
        made = Servers(directory)
        try:
            yield made
        finally:
            made.stop()


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--producers", type=int, default=3)
    parser.add_argument("--processors", type=int, default=3)
    parser.add_argument("--sinks", type=int, default=3)
    parser.add_argument("--each", action="store_true", help="every fault alone")
    given = parser.parse_args()
    print(
        f"seed {given.seed}: {given.producers} producers, {given.processors} processors, "
        f"{given.sinks} sinks, {given.seconds:.0f} s"
    )
    if os.geteuid() != 0:
        print("not root: full disks are left out")
    dice = random.Random(given.seed)
    directory = Path(tempfile.mkdtemp(prefix="posttrail-chaos-"))
    began = time.monotonic()
    with (
        servers(directory) as made,
        running(
            made, producers=given.producers, processors=given.processors, sinks=given.sinks,
            dice=dice,
        ) as pipe,
    ):  # fmt: skip
        verdict, pause = (
            each_fault(pipe) if given.each else random_faults(pipe, given.seconds, dice)
        )
        starts = {kind: sum(one.starts for one in some) for kind, some in pipe.stages.items()}
        mails = sum(len(host.mails) for host in pipe.hosts)
        lines = pipe.sent
    print(f"{lines} lines, {mails} mails in {time.monotonic() - began:.0f} s; starts: {starts}")
    print("| lost | twice | wrong | longest pause, s |\n|---|---|---|---|")
    print(f"| {verdict.lost} | {verdict.twice} | {verdict.wrong} | {pause:.1f} |")
    if verdict.is_clean:
        shutil.rmtree(directory, ignore_errors=True)
        return
    print(verdict)
    print(f'again: make chaos ARGS="--seed {given.seed} --seconds {given.seconds:.0f}"')
    print(f"logs of all programs: {directory}")
    sys.exit(1)


if __name__ == "__main__":
    main()
