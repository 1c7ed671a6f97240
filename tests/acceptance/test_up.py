"""`posttrail up` and `down`: everything starts, everything ends, whatever happens to it."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from posttrail_embedded.ports import free_ports

from posttrail.errors import Exit
from tests.fix_stack import TALK
from tests.program import PROGRAM, environment, run, run_well
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

START_S = 90
TARGET = {
    "name": "shop", "url": "https://shop.example.com/", "secret": "4f5c",
    "domains": ["nobody.example"],
}  # fmt: skip


def processes_of(home: Path) -> list[str]:
    """Command lines of all that runs for this home: it stands in their words or variables."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if process.pid != os.getpid() and (
                str(home) in " ".join(words) or process.environ().get("POSTTRAIL_HOME") == str(home)
            ):
                found.append(" ".join(words)[:200])
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests here: each starts where the one before left it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def env(home: Path) -> Iterator[dict[str, str]]:
    yield environment(HOME=str(home))
    run("down", env=environment(HOME=str(home)))


def status(env: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_well("status", "--json", env=env))
    return found


def is_ready(home: Path) -> bool:
    state = home / "run" / "state.json"
    return state.exists() and json.loads(state.read_bytes())["phase"] == "ready"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_in_the_foreground_everything_ends_with_it(
    number: signal.Signals, env: dict[str, str], home: Path
) -> None:
    with subprocess.Popen([*PROGRAM, "up"], env=env) as up:
        try:
            eventually(lambda: is_ready(home) or up.poll() is not None, START_S)
            assert len(processes_of(home)) >= 5

            up.send_signal(number)
            up.wait(60)
        finally:
            up.kill()

    eventually(lambda: processes_of(home) == [], 60)
    assert not (home / "run" / "servers.json").exists()


def test_detached_it_stays_imports_and_goes_down(env: dict[str, str], home: Path) -> None:
    first = run("up", "--detach", "--log", str(TALK), "--year", "2019", "--zone", "UTC", env=env)
    assert first.returncode == 0, first.stderr
    assert "47NQzY13DbzNWNQG" in first.stdout
    assert "posttrail" in first.stderr

    again = run("up", "--log", str(TALK), "--year", "2019", "--zone", "UTC", env=env)
    assert "already running" in again.stderr
    found = status(env)
    assert found["lag"] == {"raw": 0, "deliveries": 0}
    assert found["rows"] == {
        "delivery_from": 1, "delivery_to": 2, "noqueue": 1, "log_gap": 0, "dead": 0
    }  # fmt: skip
    assert [stage["up"] for stage in found["stages"]] == [True, True, True]
    assert (home / "run" / "servers.json").stat().st_mode & 0o777 == 0o600
    assert "web rights" in run_well("check", "--web", env=env)

    assert run_well("down", env=env) == ""
    assert processes_of(home) == []


def test_a_stage_that_dies_is_started_again(env: dict[str, str], home: Path) -> None:
    run_well("up", "--detach", env=env)
    sink = next(stage for stage in status(env)["stages"] if stage["name"] == "sink-1")

    os.killpg(sink["pid"], signal.SIGKILL)

    def restarted() -> bool:
        stages = {stage["name"]: stage for stage in status(env)["stages"]}
        return bool(stages["sink-1"]["restarts"] == 1 and stages["sink-1"]["up"])

    eventually(restarted, START_S)
    assert "will be started again" in (home / "logs" / "up.log").read_text()


def test_a_start_ends_what_a_killed_supervisor_and_its_guards_left(
    env: dict[str, str], home: Path
) -> None:
    """And it starts with all the rest what publishes events, if they were switched on before."""
    run_well("up", "--detach", env=env)
    run_well("events", "on", env=env)
    state = json.loads((home / "run" / "state.json").read_bytes())
    guards = [member["pid"] for member in (*state["servers"], *state["stages"])]
    orphans = [each for guard in guards for each in psutil.Process(guard).children()]
    for pid in (*guards, state["pid"]):
        os.kill(pid, signal.SIGKILL)
    assert len([each for each in orphans if each.is_running()]) == 5

    run_well("up", "--detach", env={**env, "POSTTRAIL_WEBHOOKS__TARGETS": json.dumps([TARGET])})

    assert [each for each in orphans if each.is_running()] == []
    assert [(stage["name"], stage["up"]) for stage in status(env)["stages"]] == [
        ("processor-1", True), ("sink-1", True), ("sink-2", True), ("events", True),
        ("webhooks", True),
    ]  # fmt: skip
    eventually(lambda: "this worker publishes" in (home / "logs" / "events.log").read_text(), 30)
    run_well("events", "off", env=env)


def test_a_start_that_fails_leaves_nothing_behind(env: dict[str, str], home: Path) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"

    done = run("up", "--detach", env={**env, "POSTTRAIL_KAFKA__BOOTSTRAP": nobody})

    assert f"no answer from Kafka at {nobody}" in done.stderr
    assert done.returncode == Exit.UNREACHABLE
    assert processes_of(home) == []


def test_a_log_that_cannot_be_imported_leaves_nothing_behind(
    env: dict[str, str], home: Path
) -> None:
    empty = home / "empty.log"
    empty.touch()

    done = run("up", "--detach", "--log", str(empty), env=env)

    assert done.returncode == Exit.INPUT
    assert processes_of(home) == []
