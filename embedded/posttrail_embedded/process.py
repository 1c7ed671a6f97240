"""A program that runs under a guard: it ends when its owner says so, or when its owner dies.

Knows nothing of Kafka, PostgreSQL or stages.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

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
        log: Path,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        cwd: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            command: program and arguments.
            log: file that its standard output and error are added to.
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
            with log.open("ab") as output:
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


def log_tail(log: Path, lines: int = 3) -> str:
    """The last lines of a log as one line, for an error message."""
    with suppress(OSError):
        text = log.read_text(errors="replace").strip().splitlines()
        return " | ".join(text[-lines:])
    return ""


def wait_until_ready(what: str, child: Child, is_ready: Callable[[], bool], timeout: float) -> None:
    """Poll until a server answers.

    Raises:
        posttrail.errors.Stop: it ended, or did not answer within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not is_ready():
        if child.exit_code() is not None:
            raise Stop(f"{what} did not start; {child.log} says: {log_tail(child.log)}")
        if time.monotonic() > deadline:
            raise Stop(f"{what} did not answer within {timeout:.0f} s; see {child.log}")
        time.sleep(0.05)
