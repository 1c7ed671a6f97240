"""A log that a daemon writes, thousands of numbered lines a second, while it is rotated."""

import gzip
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from tests.followed import text

BURST = 50
BURSTS_A_SECOND = 100


class RotatingLog:
    """Writes and rotates in threads of its own, until it is left."""

    def __init__(self, path: Path, rotations: list[str], every: float, seed: int) -> None:
        """`rotations`: which kinds; one comes every so many seconds."""
        self.path = path
        self.written = 0
        self.rotated = 0
        self._random = random.Random(seed)
        self._kinds: list[Callable[[], None]] = [getattr(self, f"_{kind}") for kind in rotations]
        self._every = every
        self._stop = Event()
        self._reopen = Event()
        self._reopened = Event()
        self._threads = [Thread(target=self._write), Thread(target=self._rotate)]

    def __enter__(self) -> Self:
        self.path.touch()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in reversed(self._threads):
            thread.join()

    def _write(self) -> None:
        file = self.path.open("ab", buffering=0)
        while not (self._stop.is_set() and not self._threads[1].is_alive()):
            # Half a burst and half a line: a daemon's write may be seen in parts.
            data = text(self.written, self.written + BURST)
            cut = self._random.randrange(len(data))
            for part in (data[:cut], data[cut:]):
                file.write(part)
                time.sleep(0.5 / BURSTS_A_SECOND)
            self.written += BURST
            if self._reopen.is_set():
                file.close()
                file = self.path.open("ab", buffering=0)
                self._reopen.clear()
                self._reopened.set()
        file.close()

    def _rotate(self) -> None:
        while not self._stop.wait(self._every):
            self._random.choice(self._kinds)()
            self.rotated += 1

    def _hang_up(self) -> None:
        """The daemon opens the log anew, as on SIGHUP."""
        self._reopened.clear()
        self._reopen.set()
        self._reopened.wait()

    def _shift(self) -> Path:
        """The rotated files make room for a new `.1`, as logrotate does."""
        for number in range(60, 0, -1):
            for end in ("", ".gz"):
                old = self.path.with_name(f"{self.path.name}.{number}{end}")
                if old.exists():
                    old.rename(self.path.with_name(f"{self.path.name}.{number + 1}{end}"))
        return self.path.with_name(self.path.name + ".1")

    def _rename(self) -> None:
        self.path.rename(self._shift())
        self.path.touch()
        self._hang_up()

    def _compress(self) -> None:
        rotated = self.path.rename(self._shift())
        self._hang_up()
        with rotated.open("rb") as plain, gzip.open(f"{rotated}.gz", "wb", 1) as packed:
            shutil.copyfileobj(plain, packed)
        shutil.copystat(rotated, f"{rotated}.gz")
        rotated.unlink()

    def _vanish(self) -> None:
        """Deleted under the daemon, which writes on into the deleted file for a while."""
        self.path.unlink()
        self._stop.wait(0.05)
        self._hang_up()

    def _copytruncate(self) -> None:
        shutil.copy2(self.path, self._shift())
        os.truncate(self.path, 0)
