"""A journal for the tests: a private journald, and files made entry by entry.

`journald` runs systemd's own daemon in a mount namespace of its own: it sees private /run, /etc and
/var/log, and the host's journal is not touched. Its sockets and files lie in a directory that is
reached from outside, too. `entries_to_file` feeds systemd-journal-remote: what stands in the file
is known to the byte.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from tests.missing import missing
from tests.waiting import eventually

JOURNALD = Path("/lib/systemd/systemd-journald")
REMOTE = Path("/lib/systemd/systemd-journal-remote")
MACHINE_ID = Path("/etc/machine-id")
BOOT = "11111111111111111111111111111111"
MACHINE = "22222222222222222222222222222222"
NOON = 1_893_499_200_000_000
"""Microseconds since 1970 UTC: 2030-01-01 12:00."""

_NAMESPACE = """
set -e
mount -t tmpfs tmpfs /etc/systemd
cp "$BASE/journald.conf" /etc/systemd/
mount -t tmpfs tmpfs /var/log
mkdir /var/log/journal
mount --bind "$BASE/var" /var/log/journal
mkdir -p "$BASE/run/systemd/journal"
: > "$BASE/run/systemd/journal/flushed"
mount --rbind "$BASE/run" /run
exec "$JOURNALD"
"""

_SETTINGS = {
    "Storage": "persistent",
    "SystemMaxFileSize": "8M",
    "RateLimitIntervalSec": "0",
    "ReadKMsg": "no",
    "Audit": "no",
    "ForwardToSyslog": "no",
}

Fields = Mapping[str, bytes | list[bytes]]


class Journald:
    """A running, private systemd-journald."""

    def __init__(self, base: Path, **settings: str) -> None:
        self._base = base
        self._sockets = base / "run/systemd/journal"
        self.directory = base / "var"
        """Where the journal files are: in a folder named by the machine id."""
        self._write(_SETTINGS | settings)
        self._start()

    def _write(self, settings: Mapping[str, str]) -> None:
        for name in ("run", "var"):
            (self._base / name).mkdir()
        lines = (f"{key}={value}\n" for key, value in settings.items())
        (self._base / "journald.conf").write_text("[Journal]\n" + "".join(lines))

    def _start(self) -> None:
        as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._process = subprocess.Popen(
            ["unshare", *as_root, "--mount", "--propagation", "private", "sh", "-c", _NAMESPACE],
            env={"BASE": str(self._base), "JOURNALD": str(JOURNALD), "PATH": "/usr/bin:/bin"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(self._is_up)
        except AssertionError:
            self.stop()
            raise

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            assert self._process.stderr is not None
            missing(f"no private journald here: {self._process.stderr.read().strip()}")
        return (self._sockets / "dev-log").exists() and self.files() != []

    def files(self) -> list[Path]:
        """The journal files that are there now."""
        return sorted(self.directory.glob("*/*.journal"))

    def logger(self) -> socket.socket:
        """What syslog(3) opens: a datagram socket to /dev/log."""
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        opened.connect(str(self._sockets / "dev-log"))
        return opened

    def log(self, message: str, tag: str = "postfix/smtpd[4711]", priority: int = 22) -> None:
        """One line, as syslog(3) sends it; 22 is mail.info."""
        with self.logger() as opened:
            opened.send(f"<{priority}>Jan  1 12:00:00 {tag}: {message}".encode())

    @contextmanager
    def unit(self, name: str) -> Iterator[None]:
        """This process's lines count as this unit's, as those of a service that writes to stdout.

        journald believes root and remembers the unit by process (journald-stream.c).
        """
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self._sockets / "stdout"))
            stream.send(f"a-test\n{name}\n6\n0\n0\n0\n0\nbegins\n".encode())
            self.sync()
            yield

    def sync(self) -> None:
        """Wait until all that was sent stands in the files."""
        self._signal(signal.SIGRTMIN + 1, "synced")

    def rotate(self) -> None:
        """Begin a new file, behind all that was sent: a signal overtakes datagrams."""
        self.sync()
        self._signal(signal.SIGUSR2, "rotated")

    def _signal(self, number: int, answer: str) -> None:
        file = self._sockets / answer
        file.unlink(missing_ok=True)
        self._process.send_signal(number)
        eventually(file.exists)

    def inside(self, *command: str | Path) -> str:
        """What a command prints for which this journal is the host's own."""
        into = ["nsenter", f"--target={self._process.pid}", "--mount"]
        done = subprocess.run([*into, *command], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def stop(self) -> None:
        """End it; the files stay."""
        self._process.terminate()
        self._process.communicate(timeout=20)


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory with a short path: one of a socket has at most 108 bytes."""
    made = Path(tempfile.mkdtemp(prefix="jd"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextmanager
def running_journald(**settings: str) -> Iterator[Journald]:
    """A private journald with these settings of journald.conf(5)."""
    if not JOURNALD.exists() or not MACHINE_ID.exists():
        missing("no systemd-journald: apt-get install systemd")
    with short_directory() as base:
        started = Journald(base, **settings)
        try:
            yield started
        finally:
            started.stop()


def require_systemd_python() -> None:
    """The library that reads the journal; it is compiled where it is installed."""
    try:
        import_module("systemd.journal")
    except ImportError:
        missing("no systemd-python: install libsystemd-dev, then `uv sync --extra journal`")


@pytest.fixture(scope="session")
def systemd_python() -> None:
    """Only where systemd-python is there."""
    require_systemd_python()


@pytest.fixture
def journald() -> Iterator[Journald]:
    """A private journald without rate limit."""
    with running_journald() as started:
        yield started


def mail_entry(number: int, **fields: bytes | list[bytes]) -> dict[str, bytes | list[bytes]]:
    """An entry of a mail line; each is one second after the one before."""
    at = NOON + number * 1_000_000
    return {
        "__REALTIME_TIMESTAMP": b"%d" % (at + 700),
        "__MONOTONIC_TIMESTAMP": b"%d" % (number * 1_000_000 + 1_000_000),
        "_BOOT_ID": BOOT.encode(),
        "_MACHINE_ID": MACHINE.encode(),
        "_HOSTNAME": b"mx",
        "_TRANSPORT": b"syslog",
        "PRIORITY": b"6",
        "SYSLOG_FACILITY": b"2",
        "SYSLOG_IDENTIFIER": b"postfix/smtpd",
        "SYSLOG_PID": b"4711",
        "_SOURCE_REALTIME_TIMESTAMP": b"%d" % at,
        "MESSAGE": b"line %d" % number,
    } | fields


def _exported(fields: Fields) -> bytes:
    """The Journal Export Format: text fields as `NAME=value`, all others with their length."""
    lines = []
    for name, given in fields.items():
        for value in given if isinstance(given, list) else [given]:
            size = len(value).to_bytes(8, "little")
            plain = value.isascii() and b"\n" not in value
            lines.append(
                b"%b=%b\n" % (name.encode(), value)
                if plain
                else b"%b\n%b%b\n" % (name.encode(), size, value)
            )
    return b"".join(lines) + b"\n"


def entries_to_file(path: Path, entries: Iterable[Fields]) -> None:
    """Put entries into a journal file, new or not."""
    if not REMOTE.exists():
        missing("no systemd-journal-remote: apt-get install systemd-journal-remote")
    subprocess.run(
        [REMOTE, "-o", path, "-"],
        input=b"".join(map(_exported, entries)),
        capture_output=True,
        check=True,
    )
