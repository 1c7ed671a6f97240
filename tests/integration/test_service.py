"""A stage as a service: what it tells systemd, and what SIGHUP and SIGTERM do."""

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from prometheus_client.parser import text_string_to_metric_families

from posttrail.topics import RAW
from tests.fix_journal import short_directory
from tests.program import PROGRAM, environment
from tests.raw_topic import raw_lines
from tests.waiting import eventually

WATCHDOG_S = 2


class Service:
    """A stage under a service manager that is us."""

    def __init__(self, base: Path, env: dict[str, str], *command: str) -> None:
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(base / "notify"))
        self._manager.setblocking(False)
        self.log = base / "log"
        told = {"NOTIFY_SOCKET": str(base / "notify"), "WATCHDOG_USEC": str(WATCHDOG_S * 10**6)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, *command], env=env | told, stdout=log, stderr=log
            )

    def heard(self) -> list[str]:
        """The states that came since the last time."""
        found: list[str] = []
        while True:
            try:
                found += self._manager.recv(4096).decode().splitlines()
            except BlockingIOError:
                return found

    def wait_for(self, state: str) -> None:
        """Until the stage says so."""
        eventually(lambda: state in self.heard() or self._ended())

    def _ended(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return False

    def end(self) -> None:
        """Whatever its state."""
        self.process.kill()
        self.process.wait()
        self._manager.close()


StartsService = Callable[..., Service]


@pytest.fixture
def service(kafka: str, prefix: str) -> Iterator[StartsService]:
    started: list[Service] = []
    with short_directory() as base:

        def start(*command: str, **settings: str) -> Service:
            env = environment(
                KAFKA__BOOTSTRAP=kafka, KAFKA__PREFIX=prefix, PRODUCER__HOST="mx1",
                HOME=str(base), **settings,
            )  # fmt: skip
            started.append(Service(base, env, *command))
            return started[-1]

        yield start
        for one in started:
            one.end()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made = tmp_path / "mail.log"
    made.touch()
    return made


def write(log: Path, *numbers: int) -> None:
    with log.open("a") as opened:
        for number in numbers:
            opened.write(f"2026-11-24T06:00:00.000000+00:00 mx1 postfix/smtpd[9]: line {number}\n")


def lines(kafka: str, prefix: str) -> list[int]:
    return [int(line.rpartition(b" ")[2]) for line in raw_lines(kafka, prefix)]


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.parametrize("stage", ["producer", "process", "sink"])
def test_a_stage_says_when_it_works_that_it_lives_and_when_it_ends(
    service: StartsService, dsn: str, log: Path, stage: str
) -> None:
    command = ("produce", "file", "--follow", str(log)) if stage == "producer" else (stage,)
    running = service(*command, POSTGRES__DSN=dsn)

    running.wait_for("READY=1")
    running.wait_for("WATCHDOG=1")
    running.wait_for("WATCHDOG=1")
    running.process.terminate()

    running.process.wait(20)
    assert running.process.returncode == 0
    assert "STOPPING=1" in running.heard()


@pytest.mark.kafka
def test_a_stage_that_is_stuck_falls_silent(service: StartsService, log: Path) -> None:
    running = service("produce", "file", "--follow", str(log))
    running.wait_for("WATCHDOG=1")

    running.process.send_signal(signal.SIGSTOP)
    running.heard()
    silent_since = time.monotonic()
    eventually(lambda: time.monotonic() - silent_since > WATCHDOG_S)

    assert running.heard() == []


@pytest.mark.kafka
def test_a_reload_reads_the_settings_anew_and_repeats_no_line(
    service: StartsService, kafka: str, prefix: str, log: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "posttrail.toml"
    settings.write_text('[logs]\nlevel = "warning"\n')
    running = service("produce", "file", "--follow", str(log), CONFIG=str(settings))
    running.wait_for("READY=1")
    write(log, 1, 2)
    eventually(lambda: lines(kafka, prefix) == [1, 2])

    settings.write_text("[metrics]\nport = 0\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("READY=1")
    write(log, 3)

    eventually(lambda: lines(kafka, prefix) == [1, 2, 3])
    assert "metrics are served" in running.log.read_text()


@pytest.mark.kafka
def test_a_reload_with_unusable_settings_changes_nothing(
    service: StartsService, kafka: str, prefix: str, log: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "posttrail.toml"
    settings.touch()
    running = service("produce", "file", "--follow", str(log), CONFIG=str(settings))
    running.wait_for("READY=1")

    settings.write_text("[kafka]\nport = 9092\n")
    running.process.send_signal(signal.SIGHUP)
    eventually(lambda: "not reloaded" in running.log.read_text())
    write(log, 1)

    eventually(lambda: lines(kafka, prefix) == [1])
    assert running.process.poll() is None


@pytest.mark.kafka
def test_sigterm_ends_a_producer_with_a_last_commit(
    service: StartsService, kafka: str, prefix: str, log: Path
) -> None:
    running = service(
        "produce", "file", "--follow", str(log), PRODUCER__MAX_DELAY_BEFORE_COMMIT="3600"
    )
    running.wait_for("READY=1")
    write(log, *range(100))
    eventually(lambda: _sent(kafka, prefix) == 100)
    assert lines(kafka, prefix) == []

    running.process.terminate()

    assert running.process.wait(20) == 0
    assert lines(kafka, prefix) == list(range(100))


def _sent(kafka: str, prefix: str) -> int:
    """Lines on the raw topic, committed or not."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    name = RAW.full_name(prefix)
    asked = {TopicPartition(name, part): OffsetSpec.latest() for part in range(RAW.partitions)}
    found = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
    return sum(future.result(10).offset for future in found.values())


@pytest.mark.kafka
def test_a_producer_tells_lines_bytes_commits_lag_and_the_last_error(
    service: StartsService, kafka: str, prefix: str, log: Path
) -> None:
    running = service("produce", "file", "--follow", str(log), METRICS__PORT="0")
    running.wait_for("READY=1")
    write(log, 1, 2, 3)
    eventually(lambda: lines(kafka, prefix) == [1, 2, 3])
    eventually(lambda: "metrics are served" in running.log.read_text())
    told = next(x for x in running.log.read_text().splitlines() if "metrics are served" in x)
    url = json.loads(told)["url"]

    page = urllib.request.urlopen(url, timeout=10).read().decode()
    health = json.load(urllib.request.urlopen(url.replace("/metrics", "/health"), timeout=10))

    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("posttrail_producer")
    }
    assert samples["posttrail_producer_lines_total"] == 3
    assert samples["posttrail_producer_bytes_total"] > 100
    assert samples["posttrail_producer_commits_total"] >= 1
    assert any("lag" in name for name in samples)
    assert health["live"]
    assert health["ready"]
    assert "last_error" in health["detail"]
