"""What runs below a home directory: one lock, one file that says it.

The lock is the kernel's, so it is gone with its holder, be it killed or the machine restarted;
the file may be stale and is believed only while the lock is held.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from posttrail.errors import Stop


class Layout(NamedTuple):
    """Where everything lies below a home directory."""

    home: Path

    @property
    def run(self) -> Path:
        """What is true only while something runs."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One log per program."""
        return self.home / "logs"

    @property
    def lock(self) -> Path:
        """Held by the supervisor."""
        return self.run / "lock"

    @property
    def state(self) -> Path:
        """The supervisor's State."""
        return self.run / "state.json"

    def make(self) -> None:
        """Make the directories.

        Others may pass through the home itself: PostgreSQL runs as another account under root.

        Raises:
            posttrail.errors.Stop: they cannot be made.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o711)
            for private in (self.run, self.logs):
                private.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise Stop(
                f"cannot use the home {self.home}: {error.strerror}; POSTTRAIL_HOME names another"
            ) from error


class Member(msgspec.Struct, frozen=True):
    """A program that the supervisor started."""

    name: str
    pid: int
    """Of its process group."""
    restarts: int = 0
    up: bool = True
    """False while it waits to be started again."""


class State(msgspec.Struct, frozen=True):
    """What the supervisor says of itself."""

    pid: int
    started: float = 0.0
    """Seconds since 1970: tells one run from the next."""
    phase: Literal["starting", "ready", "failed"] = "starting"
    doing: str = ""
    """The step of the start that it is at, for a person."""
    error: str = ""
    """Why the start failed."""
    exit_code: int = 0
    servers: tuple[Member, ...] = ()
    stages: tuple[Member, ...] = ()


def write(layout: Layout, state: State) -> None:
    """Replace the state in one step."""
    scratch = layout.state.with_suffix(".new")
    scratch.write_bytes(msgspec.json.encode(state))
    scratch.replace(layout.state)


def read(layout: Layout) -> State | None:
    """The last state that was written, whoever wrote it; None where there is none."""
    with suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode(layout.state.read_bytes(), type=State)
    return None


def is_running(layout: Layout) -> bool:
    """Whether a supervisor holds this home."""
    with suppress(FileNotFoundError), layout.lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def running(layout: Layout) -> State | None:
    """The state of the supervisor that runs now, if one does and has said something."""
    return read(layout) if is_running(layout) else None


@contextmanager
def held(layout: Layout) -> Iterator[None]:
    """Hold this home.

    Raises:
        posttrail.errors.Stop: another supervisor holds it.
    """
    with os.fdopen(os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(f"another `posttrail up` runs below {layout.home}") from None
        yield
