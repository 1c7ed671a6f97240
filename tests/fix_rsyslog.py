"""The real rsyslogd for tests: on sockets of its own, with the configuration that we ship."""

import fcntl
import shutil
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.missing import missing
from tests.waiting import eventually

SHIPPED = Path(__file__).parents[1] / "deploy/rsyslog/60-posttrail.conf"
SHIPPED_BROKERS = '["kafka1.example.com:9092", "kafka2.example.com:9092"]'
SHIPPED_SPOOL = "/var/spool/rsyslog"


def shipped(bootstrap: str, prefix: str, spool: Path) -> str:
    """The shipped configuration with what a reader of it is told to change."""
    text = SHIPPED.read_text()
    for old, new in (
        (SHIPPED_BROKERS, f'["{bootstrap}"]'),
        ('topic="maillog.raw"', f'topic="{prefix}maillog.raw"'),
        (SHIPPED_SPOOL, str(spool)),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def _bytes_not_taken(line: socket.socket) -> int:
    """What the other side has not read yet: it would be lost if that side ended now (unix(7))."""
    (count,) = struct.unpack("i", fcntl.ioctl(line, termios.TIOCOUTQ, bytes(4)))
    return int(count)


class Rsyslogd:
    """One rsyslogd. `log` is the local socket, as /dev/log; `tcp_port` takes other hosts' lines."""

    def __init__(self, base: Path, actions: str, host: str, burst: int) -> None:
        base.mkdir(parents=True, exist_ok=True)
        interval = 1 if burst else 0
        self.log = base / "log"
        self._base = base
        self._config = base / "rsyslog.conf"
        self._config.write_text(
            f'global(workDirectory="{base}" localHostname="{host}" maxMessageSize="16k")\n'
            'module(load="imuxsock" SysSock.Use="off")\n'
            'module(load="imptcp")\n'
            f'input(type="imuxsock" Socket="{self.log}" CreatePath="on"'
            f' RateLimit.Interval="{interval}" RateLimit.Burst="{burst}")\n'
            f'input(type="imptcp" Address="127.0.0.1" Port="0" ListenPortFileName="{base}/port")\n'
            f"{actions}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until its inputs are open."""
        port = self._base / "port"
        port.unlink(missing_ok=True)
        with (self._base / "errors").open("ab") as errors:
            self._process = subprocess.Popen(
                ["rsyslogd", "-n", "-f", self._config, "-i", self._base / "pid"], stderr=errors
            )
        eventually(lambda: self.log.exists() and port.exists() and port.read_text().strip())
        self.tcp_port = int(port.read_text())

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def errors(self) -> str:
        """What it said of its own configuration."""
        return (self._base / "errors").read_text()

    def log_locally(self, *messages: bytes) -> None:
        """As syslog(3) does on this host; until rsyslogd has taken all from its socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(str(self.log))
            for message in messages:
                line.send(message)
            eventually(lambda: _bytes_not_taken(line) == 0)

    def relay(self, *messages: bytes) -> None:
        """As the rsyslog of another host does."""
        with socket.create_connection(("127.0.0.1", self.tcp_port)) as line:
            line.sendall(b"".join(message + b"\n" for message in messages))


StartsRsyslogd = Callable[..., Rsyslogd]


@pytest.fixture
def rsyslogd(tmp_path: Path) -> Iterator[StartsRsyslogd]:
    """Starts an rsyslogd with these actions; `burst`: how many lines it takes in a second."""
    if shutil.which("rsyslogd") is None:
        missing("no rsyslogd: apt-get install rsyslog rsyslog-kafka")
    started: list[Rsyslogd] = []

    def start(actions: str, host: str = "mx1", burst: int = 0) -> Rsyslogd:
        made = Rsyslogd(tmp_path / f"rsyslog-{host}", actions, host, burst)
        made.start()
        started.append(made)
        return made

    yield start
    for one in started:
        one.stop()
