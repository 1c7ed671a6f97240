"""A program that runs under a guard: it ends when its owner says so, or when its owner dies.

Knows nothing of Kafka, PostgreSQL or stages.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from posttrail.errors import Stop

GUARD = Path(__file__).with_name("guard.py")
# A guard waits that much longer than its program's grace before it is given up.
_GUARD_SLACK = 5.0


class Child:
    """One program with its output in a log file; in a process group of its own."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        cwd: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            command: program and arguments.
            log: file that its standard output and error are added to; None: ours.
            env: its whole environment; None: ours.
            stop_signal: what asks it to end well.
            grace: seconds from stop_signal to SIGKILL.
            cwd: its working directory; None: ours.
        """
        self.command = tuple(command)
        self.log = log
        self._grace = grace
        reading, self._lifeline = os.pipe()
        try:
            with log.open("ab") if log else nullcontext() as output:
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(GUARD),
                     str(reading), str(int(stop_signal)), str(grace), *command],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    pass_fds=[reading], env=env, cwd=cwd, start_new_session=True,
                )  # fmt: skip
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(reading)

    @property
    def pid(self) -> int:
        """Process group of the guard and the program; also the guard's process id."""
        return self._guard.pid

    def exit_code(self) -> int | None:
        """Its exit code (128 + signal where one ended it); None while it runs."""
        return self._guard.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code; None where it still runs after `timeout` seconds."""
        with suppress(subprocess.TimeoutExpired):
            return self._guard.wait(timeout)
        return None

    def ask_to_stop(self) -> None:
        """Start its end and return at once; several can then be waited for together."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def stop(self) -> None:
        """End it and wait until it is gone; harmless where it has ended."""
        self.ask_to_stop()
        self.wait(self._grace + _GUARD_SLACK)
        # Where the guard itself was killed, its program may still be there.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._guard.wait()


def log_tail(log: Path | None, lines: int = 3) -> str:
    """The last lines of a log as one line, for an error message."""
    with suppress(OSError):
        if log is None:
            return ""
        text = log.read_text(errors="replace").strip().splitlines()
        return " | ".join(text[-lines:])
    return ""


def server_environment() -> dict[str, str]:
    """What a server needs of our environment; nothing of ours, for it may hold secrets.

    LC_ALL: without it macOS's PostgreSQL refuses to start.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TMPDIR": tempfile.gettempdir(),
    }


class PortTaken(Stop):
    """A server did not start because another program took its port in the meantime."""


def start_and_wait(
    what: str, start: Callable[[], Child], is_ready: Callable[[], bool], timeout: float
) -> Child:
    """Start a server and poll until it answers; where it does not, it is ended.

    Raises:
        PortTaken: it ended because its port was taken.
        posttrail.errors.Stop: it ended, or did not answer within `timeout` seconds.
    """
    child = start()
    try:
        _wait(what, child, is_ready, timeout)
    except BaseException:
        child.stop()
        raise
    return child


def _wait(what: str, child: Child, is_ready: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not is_ready():
        if child.exit_code() is not None:
            raise _failed(what, child)
        if time.monotonic() > deadline:
            raise Stop(f"{what} did not answer within {timeout:.0f} s; see {child.log}")
        time.sleep(0.05)


def _failed(what: str, child: Child) -> Stop:
    kind = PortTaken if "Address already in use" in log_tail(child.log, lines=20) else Stop
    return kind(f"{what} did not start; {child.log} says: {log_tail(child.log)}")


def end_process(process: psutil.Process, stop_signal: signal.Signals, grace: float) -> None:
    """End a program that no guard stands before any more."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)
        with suppress(psutil.TimeoutExpired):
            process.wait(grace)
            return
        process.kill()
        process.wait()
