"""Keeps programs running: one that ends is started again, later and later while it keeps ending."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from posttrail.logs import logger
from posttrail_embedded.process import Child, log_tail
from posttrail_embedded.state import Member

_log = logger("up")

SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
LONG_LIFE_S = 60.0
"""A program that lived so long starts again without a wait, as if it were the first time."""
STOP_S = 20.0
"""From SIGTERM to SIGKILL."""

Start = Callable[[], Child]


class Kept:
    """One program that shall run."""

    def __init__(
        self,
        name: str,
        start: Start,
        *,
        running: Child | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start it at once, unless it is `running`; `start` gives a new process each time."""
        self.name = name
        self._start = start
        self._clock = clock
        self._wait = SHORTEST_WAIT_S
        self._due: float | None = None
        self.restarts = 0
        self._started = clock()
        self.child = running or start()

    def member(self) -> Member:
        """As the state shows it."""
        return Member(self.name, self.child.pid, self.restarts, up=self._due is None)

    def look(self) -> bool:
        """Start it again where it has ended and its wait is over; whether anything changed."""
        if self._due is None:
            code = self.child.exit_code()
            if code is None:
                return False
            self._has_ended(code)
            return True
        if self._clock() < self._due:
            return False
        self._due = None
        self._started = self._clock()
        self.restarts += 1
        self.child = self._start()
        return True

    def _has_ended(self, code: int) -> None:
        self.child.stop()
        if self._clock() - self._started >= LONG_LIFE_S:
            self._wait = SHORTEST_WAIT_S
        self._due = self._clock() + self._wait
        last = log_tail(self.child.log, lines=1)
        _log.warning(
            "ended, will be started again", program=self.name, exit_code=code, last_words=last,
            wait_seconds=self._wait,
        )  # fmt: skip
        self._wait = min(2 * self._wait, LONGEST_WAIT_S)


def stop_all(kept: Sequence[Kept]) -> None:
    """End them together."""
    for each in kept:
        each.child.ask_to_stop()
    for each in kept:
        each.child.stop()


def program(command: Sequence[str], log: Path) -> Start:
    """How to start a stage."""
    return lambda: Child(command, log=log, grace=STOP_S)
