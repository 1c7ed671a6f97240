"""Programs under a guard, and the keeper that starts them again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from posttrail_embedded import leftovers, ports, state
from posttrail_embedded.keeper import LONG_LIFE_S, Kept
from posttrail_embedded.process import Child, PortTaken, log_tail, start_and_wait
from posttrail_embedded.state import Layout, Member, State

from posttrail.errors import Stop
from tests.waiting import eventually

SLEEP = (sys.executable, "-c", "import time; print('here', flush=True); time.sleep(300)")
DEAF = (
    sys.executable,
    "-c",
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP[2]}",
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "program.log"


def started(command: tuple[str, ...], log: Path, grace: float = 10.0) -> Child:
    child = Child(command, log=log, grace=grace)
    eventually(lambda: "here" in log_tail(log))
    return child


def program_of(child: Child) -> psutil.Process:
    (found,) = psutil.Process(child.pid).children()
    return found


def test_a_program_ends_when_it_is_asked_to(log: Path) -> None:
    child = started(SLEEP, log)
    program = program_of(child)

    child.stop()

    assert child.exit_code() == 128 + signal.SIGTERM
    assert not program.is_running()


def test_a_program_that_does_not_listen_is_killed(log: Path) -> None:
    child = started(DEAF, log, grace=0.2)

    child.stop()

    assert child.exit_code() == 128 + signal.SIGKILL


def test_a_program_ends_with_its_owner_however_that_one_ends(log: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from posttrail_embedded.process import Child\n"
        f"Child({SLEEP!r}, log=Path({str(log)!r})); time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as owner:
        eventually(lambda: "here" in log_tail(log))
        (guard,) = psutil.Process(owner.pid).children()
        family = [guard, *guard.children()]

        owner.kill()

    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def test_a_program_whose_guard_was_killed_is_ended_too(log: Path) -> None:
    child = started(SLEEP, log)
    program = program_of(child)

    os.kill(child.pid, signal.SIGKILL)
    child.stop()

    eventually(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)


def test_a_server_that_ends_at_its_start_is_told_with_its_last_words(log: Path) -> None:
    def start() -> Child:
        return Child((sys.executable, "-c", "raise SystemExit('no such disk')"), log=log)

    with pytest.raises(Stop, match=r"Kafka did not start; .* no such disk"):
        start_and_wait("Kafka", start, lambda: False, 30)


def test_a_lost_port_is_an_error_of_its_own(log: Path) -> None:
    def start() -> Child:
        return Child((sys.executable, "-c", "raise SystemExit('Address already in use')"), log=log)

    with pytest.raises(PortTaken):
        start_and_wait("Kafka", start, lambda: False, 30)


def test_free_ports_differ_and_nobody_listens_on_them() -> None:
    found = ports.free_ports(5)

    assert len(set(found)) == 5
    assert not any(ports.answers(port) for port in found)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def kept(log: Path, clock: Clock, command: tuple[str, ...] = ("/bin/false",)) -> Kept:
    return Kept("sink-1", lambda: Child(command, log=log), clock=clock)


def end_of(program: Kept) -> None:
    program.child.wait(30)
    assert program.look()


def test_a_program_that_ends_is_started_again_after_a_wait(log: Path) -> None:
    clock = Clock()
    program = kept(log, clock)
    end_of(program)

    assert not program.member().up
    clock.now = 0.9
    assert not program.look()
    clock.now = 1.0
    assert program.look()
    assert program.member().up
    assert program.member().restarts == 1
    program.child.stop()


def test_the_wait_doubles_and_has_a_bound(log: Path) -> None:
    clock = Clock()
    program = kept(log, clock)
    waits = []
    for _ in range(7):
        end_of(program)
        before = clock.now
        while not program.look():
            clock.now += 0.5
        waits.append(clock.now - before)

    assert waits == [1, 2, 4, 8, 16, 30, 30]
    program.child.stop()


def test_a_long_life_makes_the_wait_short_again(log: Path) -> None:
    clock = Clock()
    program = kept(log, clock)
    for _ in range(3):
        end_of(program)
        clock.now += 30
        program.look()
    clock.now += LONG_LIFE_S

    end_of(program)
    clock.now += 1.0

    assert program.look()
    program.child.stop()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "home")
    made.make()
    return made


def test_a_home_has_one_supervisor(layout: Layout) -> None:
    assert not state.is_running(layout)
    with state.held(layout):
        assert state.is_running(layout)
        with pytest.raises(Stop, match="another `posttrail up` runs below"), state.held(layout):
            pass
    assert not state.is_running(layout)


def test_a_state_is_believed_only_while_its_supervisor_runs(layout: Layout) -> None:
    written = State(pid=1, stages=(Member("sink-1", 2),))
    state.write(layout, written)

    assert state.running(layout) is None
    with state.held(layout):
        assert state.running(layout) == written


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}'])
def test_a_torn_state_is_no_state(content: bytes, layout: Layout) -> None:
    layout.state.write_bytes(content)

    assert state.read(layout) is None


def orphan(log: Path, words: str) -> tuple[Member, psutil.Process]:
    """A program whose guard was killed, as a killed supervisor leaves it."""
    child = started((*SLEEP, words), log)
    program = program_of(child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    return Member("kafka", child.pid), program


def ended(process: psutil.Process) -> Callable[[], bool]:
    return lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_what_a_killed_run_left_behind_is_ended(log: Path, layout: Layout) -> None:
    member, program = orphan(log, f"{layout.home}/kafka/server.properties")

    assert leftovers.end((member,), layout.home) == ["kafka"]
    eventually(ended(program))


def test_a_stranger_with_the_same_number_is_left_alone(log: Path, layout: Layout) -> None:
    member, program = orphan(log, "somebody-else")

    assert leftovers.end((member,), layout.home) == []
    assert program.is_running()
    program.kill()
    eventually(ended(program))
