"""Ends what a supervisor left behind that was killed together with its guards."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from posttrail_embedded.state import Member

_GRACE_S = 5.0


def _ours(member: Member, home: Path) -> Iterator[psutil.Process]:
    """The living processes of its group that look like ours: the number may be another's now."""
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == member.pid:
                words = " ".join(process.cmdline())
                if str(home) in words or "posttrail" in words:
                    yield process


def end(members: tuple[Member, ...], home: Path) -> list[str]:
    """End them all; the names of those that were still there.

    Args:
        members: as the last state of this home names them.
        home: the directory that the servers' command lines name.
    """
    living = {member.name: list(_ours(member, home)) for member in members}
    processes = [process for group in living.values() for process in group]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=_GRACE_S)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_GRACE_S)
    return [name for name, group in living.items() if group]
