"""Every fault alone, on a whole pipe at work: nothing lost, nothing twice, nothing wrong.

One pipe with servers of its own bears all of them, each with new mail hosts: one with long ids and
one with short ones, which come again within seconds. The faults are in tests/faults.py, what is
asked afterwards in tests/oracle.py; docs/faults.md tells what was seen.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count

import pytest

from posttrail.errors import PosttrailError
from tests import faults
from tests.faults import FAULTS, NEED_DISKS
from tests.missing import missing
from tests.pipe import Pipe, Servers, running

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

MAILS = 20
_numbers = count()


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipe]:
    """Two producers, two processors, two sinks, and servers that may be hurt."""
    directory = tmp_path_factory.mktemp("pipe")
    disks = contextmanager(faults.small_disks)(directory) if os.geteuid() == 0 else nullcontext()
    with disks:
        try:
            servers = Servers(directory, durable=False)
        except PosttrailError as error:
            missing(str(error))
        try:
            with running(
                servers, producers=2, processors=2, sinks=2, dice=random.Random(4711)
            ) as made:
                yield made
        finally:
            servers.stop()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_costs_and_doubles_nothing(pipe: Pipe, name: str) -> None:
    if name in NEED_DISKS and os.geteuid() != 0:
        missing("full disks need root: small file systems are mounted for them")
    number = next(_numbers)
    hosts = [pipe.new_host(f"long{number}", long=True), pipe.new_host(f"short{number}", long=False)]
    for host in hosts:
        pipe.log(host, MAILS)
    pipe.wait_for_lines()
    with FAULTS[name](pipe):
        for host in hosts:
            pipe.log(host, MAILS)
    for host in hosts:
        pipe.log(host, MAILS)

    pipe.settle()
    verdict = pipe.judge(hosts)

    assert verdict.is_clean, verdict


def test_lines_that_a_shipper_sends_twice_and_out_of_order_count_once(pipe: Pipe) -> None:
    """At least once: whole stretches come again, after later ones; lines overtake each other."""
    dice = random.Random(11)
    number = next(_numbers)
    hosts = [pipe.new_host(f"long{number}", long=True), pipe.new_host(f"short{number}", long=False)]
    repeats = []
    for host in hosts:
        lines = host.log(MAILS)
        again = lines[len(lines) // 3 : len(lines) // 2]
        repeats += again
        pipe.put(faults.shuffled(lines, dice) + faults.shuffled(again, dice))

    pipe.settle()
    verdict = pipe.judge(hosts, repeats=repeats)

    assert verdict.is_clean, verdict
