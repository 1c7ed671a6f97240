"""Every fault that a pipe must survive, each by its name: a context manager that does it to a pipe.

On entering the fault strikes, at the end of the block it is over: what was killed has been started
anew by then, what was frozen thaws, what was full has room again. tests/fault/test_matrix.py does
each alone, `make chaos` all of them at random, docs/faults.md says what was seen.
"""

import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from posttrail_embedded.broker import EmbeddedKafka
from posttrail_embedded.database import EmbeddedPostgres

from tests.pipe import Pipe

Strike: TypeAlias = Callable[[Pipe], AbstractContextManager[None]]

FAULTS: dict[str, Strike] = {}
"""By name, as docs/faults.md calls them."""

AWAY_S = 2.0
"""How long a server is away, or a connection hangs."""
FROZEN_S = 7.5
"""Longer than a group waits for a member (session.timeout.ms)."""
PACE = (0.25, 0.1)
"""Seconds that a slow broker stands still and goes, in turn."""


def fault(name: str) -> Callable[[Callable[[Pipe], Iterator[None]]], Strike]:
    """Register a fault under its name."""

    def register(strike: Callable[[Pipe], Iterator[None]]) -> Strike:
        FAULTS[name] = contextmanager(strike)
        return FAULTS[name]

    return register


# Stages.


def _kill(kind: str) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        pipe.any(kind).signal(signal.SIGKILL)
        yield

    return strike


def _freeze(kind: str) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        stage = pipe.any(kind)
        stage.signal(signal.SIGSTOP)
        try:
            yield
            pipe.pause(FROZEN_S if kind != "produce" else AWAY_S)
        finally:
            stage.signal(signal.SIGCONT)

    return strike


for _name, _kind in (("producer", "produce"), ("processor", "process"), ("sink", "sink")):
    fault(f"kill -9 of a {_name}")(_kill(_kind))
    fault(f"a frozen {_name}")(_freeze(_kind))


def _join_and_leave(kind: str) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        stage = pipe.add(kind)
        try:
            yield
            pipe.pause(AWAY_S)
        finally:
            pipe.remove(stage)

    return strike


fault("a processor joins and leaves")(_join_and_leave("process"))
fault("a sink joins and leaves")(_join_and_leave("sink"))


@fault("every stage is restarted in turn")
def _rolling_restart(pipe: Pipe) -> Iterator[None]:
    """As for an upgrade: sinks first, producers last."""
    stages = [stage for kind in ("sink", "process", "produce") for stage in pipe.stages[kind]]
    half = len(stages) // 2
    for stage in stages[:half]:
        stage.signal(signal.SIGTERM)
        pipe.pause(1)
    yield
    for stage in stages[half:]:
        stage.signal(signal.SIGTERM)
        pipe.pause(1)


# Servers.


def _server(pipe: Pipe, which: str) -> EmbeddedKafka | EmbeddedPostgres:
    return pipe.servers.kafka if which == "broker" else pipe.servers.postgres


def _stop(which: str, away: float) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        server = _server(pipe, which)
        server.stop()
        try:
            yield
            pipe.pause(away)
        finally:
            pipe.servers.start_again(server)

    return strike


def _kill_server(which: str) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        server = _server(pipe, which)
        pipe.servers.kill(server)
        try:
            yield
            pipe.pause(AWAY_S)
        finally:
            pipe.servers.start_again(server)

    return strike


fault("the broker is stopped for a while")(_stop("broker", AWAY_S))
fault("the broker is restarted")(_stop("broker", 0))
fault("kill -9 of the broker")(_kill_server("broker"))
fault("PostgreSQL is restarted")(_stop("PostgreSQL", 0))
fault("kill -9 of PostgreSQL")(_kill_server("PostgreSQL"))


@fault("a slow broker")
def slow_broker(pipe: Pipe) -> Iterator[None]:
    """It stands still for most of the time."""
    yield
    kafka = pipe.servers.kafka
    still, goes = PACE
    try:
        for _ in range(round(AWAY_S / (still + goes))):
            pipe.servers.signal(kafka, signal.SIGSTOP)
            pipe.pause(still)
            pipe.servers.signal(kafka, signal.SIGCONT)
            pipe.pause(goes)
    finally:
        pipe.servers.signal(kafka, signal.SIGCONT)


@fault("connections to PostgreSQL are cut")
def cut(pipe: Pipe) -> Iterator[None]:
    """Again and again, while work goes on."""
    yield
    for _ in range(4):
        pipe.pause(pipe.dice.uniform(0, 0.4))
        pipe.proxy.cut()


@fault("connections to PostgreSQL are cut inside of a message")
def cut_inside(pipe: Pipe) -> Iterator[None]:
    """After any number of bytes of the wire protocol."""
    yield
    try:
        for _ in range(4):
            pipe.proxy.cuts_after = pipe.dice.randint(1, 20_000)
            pipe.pause(0.4)
    finally:
        pipe.proxy.cuts_after = 0


@fault("connections to PostgreSQL hang")
def hang(pipe: Pipe) -> Iterator[None]:
    """Open, and nothing comes through; then they break."""
    pipe.proxy.hang()
    try:
        yield
        pipe.pause(AWAY_S)
    finally:
        pipe.proxy.cut()
        pipe.proxy.flow()


@fault("PostgreSQL refuses connections")
def refuse(pipe: Pipe) -> Iterator[None]:
    """As with too many clients, or behind a firewall."""
    pipe.proxy.refuses = True
    pipe.proxy.cut()
    try:
        yield
        pipe.pause(AWAY_S)
    finally:
        pipe.proxy.flow()


# Disks: only where servers have disks of their own (`small_disks`).


def small_disks(directory: Path) -> Iterator[None]:
    """Small file systems in memory for both servers' data, below a directory; needs root."""
    mounted: list[Path] = []
    try:
        for name, size in DISKS.items():
            disk = directory / name
            disk.mkdir(mode=0o711)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "posttrail", str(disk)]
            subprocess.run(mount, check=True)
            mounted.append(disk)
        yield
    finally:
        for disk in mounted:
            subprocess.run(["umount", "-l", disk], check=True)


DISKS = {"kafka": "200m", "postgres": "400m"}


def _fill(which: str, directory: str) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        disk = pipe.servers.directory / directory
        filler = disk / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while file.write(bytes(65536)):
                file.flush()  # until there is no room, and none again when a file is deleted
        try:
            yield
            pipe.pause(AWAY_S)
        finally:
            filler.unlink()
            pipe.servers.start_again(_server(pipe, which))

    return strike


fault("the broker's disk is full")(_fill("broker", "kafka"))
fault("PostgreSQL's disk is full")(_fill("PostgreSQL", "postgres"))

NEED_DISKS = frozenset({"the broker's disk is full", "PostgreSQL's disk is full"})


# What comes in.


def _jump(hours: int) -> Callable[[Pipe], Iterator[None]]:
    def strike(pipe: Pipe) -> Iterator[None]:
        for host in pipe.hosts[-2:]:
            host.jump(hours * 3600)
        yield

    return strike


fault("a mail host's clock jumps ahead")(_jump(5))
fault("a mail host's clock jumps back")(_jump(-7))


def shuffled(lines: list[bytes], dice: random.Random, reach: int = 8) -> list[bytes]:
    """The lines, each a few places away from where it was."""
    places = [number + dice.uniform(0, reach) for number in range(len(lines))]
    return [line for _, line in sorted(zip(places, lines, strict=True))]
