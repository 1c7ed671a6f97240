"""Logs that grow and are rotated, as one source: `posttrail produce file --follow PATTERN…`."""

import glob
import time
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from posttrail import logs, metrics
from posttrail.config import Settings
from posttrail.errors import BadInput
from posttrail_producers.chain import Chain, Scope
from posttrail_producers.file_import import Times
from posttrail_producers.opened import inode_of
from posttrail_producers.rotation import family
from posttrail_producers.source import Batch

LOOK_S = 2.0
"""How often patterns are looked up for logs that are new."""


def _refuse_what_does_not_grow(pattern: str) -> None:
    path = Path(pattern)
    if path.is_dir():
        raise BadInput(
            f"{path} is a directory: follow its logs by a quoted pattern: '{path}/*.log'"
        )
    if not glob.has_magic(pattern) and family(path) != path:
        raise BadInput(f"{path} is a rotated file: follow {family(path)}, which leads on from it")


class FileFollow:
    """All logs of some patterns."""

    finished = False

    def __init__(self, patterns: Sequence[str], settings: Settings, times: Times) -> None:
        """Nothing is opened before `resume`.

        Args:
            patterns: paths, or patterns as the shell's. A path's own rotated files are read only
                where they follow on what was read; those that a pattern names are read whole.
            settings: host names.
            times: what the user says about the stamps.

        Raises:
            BadInput: a path is that of a rotated file or of a directory.
        """
        self._patterns = [str(Path(pattern).absolute()) for pattern in patterns]
        for pattern in self._patterns:
            _refuse_what_does_not_grow(pattern)
        # A link and what it leads to are one source: a second producer of it fences the first.
        real = sorted({str(Path(pattern).resolve()) for pattern in self._patterns})
        self.id = f"file:{settings.producer.host}:{','.join(real)}"
        self._host = settings.producer.host
        self._times = times
        self._chains: dict[Path, Chain] = {}
        self._scope = self._scope_of({})
        self._look_at = 0.0
        self._doubles: set[Path] = set()

    def _scope_of(self, positions: Mapping[str, bytes]) -> Scope:
        files = {key: value for key, value in positions.items() if key.startswith("file#")}
        return Scope(self._host, self._times, self._is_wanted, files)

    def _is_wanted(self, path: Path) -> bool:
        return any(
            fnmatchcase(str(path), pattern) if glob.has_magic(pattern) else str(path) == pattern
            for pattern in self._patterns
        )

    def _logs(self) -> Iterator[Path]:
        for pattern in self._patterns:
            if glob.has_magic(pattern):
                found = glob.glob(pattern)  # noqa: PTH207  # Path.glob takes no absolute pattern
                yield from (family(Path(name)) for name in sorted(found))
            else:
                yield Path(pattern)

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """Open all logs where they were left off."""
        self.close()
        self._scope = self._scope_of(positions)
        self._look()

    def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_S
        followed = {inode_of(live): live for live in self._chains}
        for live in self._logs():
            if live in self._chains:
                continue
            inode = inode_of(live)
            if inode is not None and inode in followed:
                self._pass_over(live, followed[inode])
                continue
            followed[inode] = live
            self._chains[live] = Chain(live, self._scope)
            self._chains[live].resume()
        unread = sum(chain.unread_bytes() for chain in self._chains.values())
        metrics.PRODUCER_LAG.labels(self.id).set(unread)

    def _pass_over(self, live: Path, followed: Path) -> None:
        """A log is there under a second name: a hard link, a link, a bind mount."""
        if live not in self._doubles:
            self._doubles.add(live)
            logs.logger("producer").warning(
                "this is another name of a log that is followed already: passed over",
                path=str(live), followed=str(followed),
            )  # fmt: skip

    def read(self, most: int) -> Batch:
        """The next lines of one of the logs; each gets its turn."""
        if time.monotonic() >= self._look_at:
            self._look()
        for live, chain in list(self._chains.items()):
            self._chains[live] = self._chains.pop(live)  # to the end of the queue
            batch = chain.read(most)
            if batch.positions:
                return batch
        return Batch()

    def wait(self, seconds: float) -> None:
        """Let the logs grow."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close all files."""
        for chain in self._chains.values():
            chain.close()
        self._chains = {}
