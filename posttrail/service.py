"""What a stage tells systemd of itself, and how it begins anew: sd_notify(3), SIGHUP.

Without NOTIFY_SOCKET nothing is sent. Knows no stage: a stage calls `ready` when it works and
`alive` from the very loop that does the work, so that a stage that is stuck falls silent and
systemd starts it anew (WatchdogSec=).
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from functools import cache
from threading import Event

from posttrail import config, logs
from posttrail.errors import BadSettings

_STANDARD_STREAMS = 3


class Notifier:
    """The service manager's end of the line."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment."""
        path = environment.get("NOTIFY_SOCKET", "")
        # "@": a socket without a file, in Linux's abstract namespace.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = int(environment.get("WATCHDOG_USEC", "0")) if ours else 0
        self._interval = watched / 1_000_000 / 4
        """Seconds between two signs of life; 0: nobody waits for them."""
        self._due = 0.0

    def tell(self, *states: str) -> None:
        """Send these states in one datagram; a manager that does not listen is no reason to end."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            try:
                line.connect(self._address)
                line.send("\n".join(states).encode())
            except OSError as error:
                logs.logger("service").warning("systemd does not listen", reason=str(error))

    def alive(self) -> None:
        """A sign of life, when one is due; cheap enough for every turn of a loop."""
        if self._interval and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._interval
            self.tell("WATCHDOG=1")


@cache
def _notifier() -> Notifier:
    return Notifier(os.environ)


def ready() -> None:
    """The stage works: what must stand before it, stands."""
    _notifier().tell("READY=1")


def alive() -> None:
    """The loop that does the work still turns."""
    _notifier().alive()


def stopping() -> None:
    """The stage was told to end and is about to."""
    _notifier().tell("STOPPING=1")


def reloading() -> None:
    """The stage begins anew; `ready` follows."""
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    _notifier().tell("RELOADING=1", f"MONOTONIC_USEC={now}")


def stop_on_signals() -> Event:
    """An event that SIGTERM and Ctrl-C set: commit and end."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class Reload:
    """SIGHUP: end as on SIGTERM, with a last commit, then start anew with the settings of now.

    Settings that cannot be used are told and change nothing: the stage works on with the old ones.
    """

    def __init__(self, stop: Event) -> None:
        """From now on SIGHUP sets `stop`."""
        self._stop = stop
        self._asked = False
        signal.signal(signal.SIGHUP, lambda *_: self._on_hangup())

    def _on_hangup(self) -> None:
        try:
            config.load()
        except BadSettings as error:
            logs.logger("service").error("not reloaded, the old settings stay", reason=str(error))
            return
        self._asked = True
        self._stop.set()

    def begin_anew_if_asked(self) -> None:
        """Replace this process by a new one of the same command, if SIGHUP came; same process id.

        Call it when all is committed and closed.
        """
        if not self._asked:
            return
        reloading()
        os.closerange(_STANDARD_STREAMS, os.sysconf("SC_OPEN_MAX"))
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # this same program
