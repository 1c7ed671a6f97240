"""Three real Postfix hosts, followed live while their producers are killed: the tables are true.

They log in three ways, with long and short queue ids, at the same time into one Kafka.
"""

import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pytest

from tests.fix_rsyslog import Rsyslogd
from tests.fix_stack import Stack
from tests.missing import missing
from tests.postfix.compare import Comparison, Tables
from tests.postfix.mailhost import Log, Mailhost, reachable_directory
from tests.postfix.truth import Mail
from tests.program import PROGRAM
from tests.raw_topic import raw_lines
from tests.waiting import eventually

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.postfix,
    pytest.mark.journal,
    pytest.mark.rsyslog,
]

MAILS = 150
LOAD_S = 8
VARIANTS = {
    "live-journal": (Log.JOURNAL, True),
    "live-file": (Log.FILE, False),
    "live-rsyslog": (Log.SYSLOG, False),
}
"""Host -> how it logs, and whether its queue ids are long."""


class Mortal:
    """A producer that is killed and started again until it is left in peace."""

    def __init__(self, arguments: list[str], env: dict[str, str], log: Path) -> None:
        self._command = [*PROGRAM, "produce", *arguments]
        self._env, self._log = env, log
        self._peace = Event()
        self.kills = 0
        self._start()
        self._killer = Thread(target=self._kill_now_and_then)
        self._killer.start()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._env, stdout=log, stderr=log)

    def _kill_now_and_then(self) -> None:
        chance = random.Random(self._log.name)
        while not self._peace.wait(chance.uniform(1.5, 4)):
            self._process.kill()
            self._process.wait()
            self.kills += 1
            self._start()

    def leave_in_peace(self) -> None:
        """The one that runs now may live."""
        self._peace.set()
        self._killer.join()

    def stop(self) -> int:
        """End it in good order; its exit code."""
        self.leave_in_peace()
        eventually(self._listens)
        self._process.terminate()
        try:
            return self._process.wait(20)
        finally:
            self._process.kill()

    def _listens(self) -> bool:
        """Whether it is past the first moments, in which Python itself ends on SIGTERM."""
        if self._process.poll() is not None:
            return True
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)


class Host(NamedTuple):
    """One host after its run."""

    name: str
    base: Path
    log: Log
    mails: list[Mail]
    kills: int

    def logged(self) -> list[bytes]:
        """Every message of its log, in order."""
        if self.log is Log.JOURNAL:
            command = ["journalctl", "-D", str(self.base / "journal"), "-o", "cat", "-q"]
            found = subprocess.run(
                [*command, "SYSLOG_FACILITY=2"], capture_output=True, check=True, timeout=30
            )
            return found.stdout.splitlines()
        lines = (self.base / "mail.log").read_bytes().splitlines()
        return [line.partition(b"]: ")[2] for line in lines]


def producing(name: str, base: Path, log: Log) -> list[str]:
    if log is Log.JOURNAL:
        return ["journal", "--directory", str(base / "journal")]
    return ["file", "--follow", str(base / "mail.log")]


def run_host(name: str, base: Path, stack: Stack) -> Host:
    """Start it, follow it, load it, stop it."""
    log, long_ids = VARIANTS[name]
    with ExitStack() as running:
        if log is Log.SYSLOG:
            base.mkdir()
            action = f'mail.* action(type="omfile" file="{base}/mail.log")'
            template = 'module(load="builtin:omfile" template="RSYSLOG_FileFormat")\n'
            daemon = Rsyslogd(base / "rsyslog", template + action, name, burst=0)
            daemon.start()
            running.callback(daemon.stop)
            (base / "dev-log").symlink_to(daemon.log)
        postfix = running.enter_context(Mailhost(base, name, log, long_ids=long_ids))
        env = {**stack.env, "POSTTRAIL_PRODUCER__HOST": name}
        producer = Mortal(producing(name, base, log), env, base / "producer.log")
        running.callback(producer.stop)
        mails = postfix.load(MAILS, seed=len(name), seconds=LOAD_S)
        postfix.settle()
        postfix.stop()
        producer.leave_in_peace()
        host = Host(name, base, log, mails, producer.kills)
        eventually(lambda: len(came(stack, name)) >= len(host.logged()), 60)
        assert producer.stop() == 0
    return host


def came(stack: Stack, name: str) -> list[bytes]:
    """The messages of a host's lines on the raw topic, in order."""
    kafka, prefix = (stack.env[f"POSTTRAIL_KAFKA__{key}"] for key in ("BOOTSTRAP", "PREFIX"))
    heads = (line.partition(b"]: ") for line in raw_lines(kafka, prefix))
    return [message for head, _, message in heads if head.split(b" ")[1:2] == [name.encode()]]


def differences(stack: Stack, host: Host) -> list[str]:
    """Between the truth and the tables, now."""
    where = f"WHERE host = '{host.name}'"
    address = "host(client_addr) AS client_addr"
    tables = Tables(
        stack.rows(
            f"SELECT *, {address}, host(orig_client_addr) AS orig_client_addr"
            f" FROM delivery_from {where}"
        ),
        stack.rows(f"SELECT * FROM delivery_to {where}"),
        stack.rows(f"SELECT *, {address} FROM noqueue {where}"),
    )
    far = [json.loads(line) for line in (host.base / "far.jsonl").read_text().splitlines()]
    return Comparison(tables).differences(host.mails, far)


@pytest.fixture(scope="module")
def hosts(stack: Stack, real_postfix: None, systemd_python: None) -> Iterator[dict[str, Host]]:
    if shutil.which("rsyslogd") is None:
        missing("no rsyslogd: apt-get install rsyslog")
    with reachable_directory() as base, ThreadPoolExecutor(len(VARIANTS)) as pool:
        done = pool.map(lambda name: run_host(name, base / name, stack), VARIANTS)
        by_name = {host.name: host for host in done}
        stack.wait_until_idle()
        yield by_name


@pytest.mark.parametrize("name", VARIANTS)
def test_the_rows_equal_what_clients_and_far_ends_know(
    hosts: dict[str, Host], stack: Stack, name: str
) -> None:
    assert differences(stack, hosts[name]) == []


@pytest.mark.parametrize("name", VARIANTS)
def test_each_line_of_the_log_came_once_and_in_order(
    hosts: dict[str, Host], stack: Stack, name: str
) -> None:
    assert came(stack, name) == hosts[name].logged()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_producers_were_killed_meanwhile(hosts: dict[str, Host], name: str) -> None:
    assert hosts[name].kills >= 2


@pytest.mark.parametrize("name", VARIANTS)
def test_no_line_of_a_real_postfix_is_dead(stack: Stack, hosts: dict[str, Host], name: str) -> None:
    assert name not in stack.run("dead", "--show", "--json")
