"""A private Postfix as seen from the test: start it, load it, stop it.

It needs root and Linux namespaces; nothing of the machine's own Postfix is used or touched.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.postfix import truth

ROOT = Path(__file__).parents[2]
UNSHARE = (
    "unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--mount-proc",
    "--propagation", "private",
)  # fmt: skip


class Log(StrEnum):
    """Where Postfix logs to."""

    FILE = "file"
    """maillog_file: Postfix's own postlogd writes BASE/mail.log, stamps without a year."""
    JOURNAL = "journal"
    """syslog(3) to a private journald, whose files stand below BASE/journal."""
    SYSLOG = "syslog"
    """syslog(3) to the datagram socket BASE/dev-log; who listens there is the test's choice."""


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """A directory that Postfix's own users may enter: pytest's are closed to them."""
    made = Path(tempfile.mkdtemp(prefix="pf"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def why_not() -> str | None:
    """Why a private Postfix cannot run here, or None."""
    if os.geteuid() != 0:
        return "a private Postfix needs root"
    wanted = ("postfix", "smtp-sink", "unshare")
    if absent := [name for name in wanted if shutil.which(name) is None]:
        return f"not installed: {', '.join(absent)} (apt-get install postfix util-linux)"
    if subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode:
        return "no namespaces can be made here (unshare)"
    return None


class Mailhost:
    """One running Postfix; as a context manager it stops at the end, whatever happens."""

    def __init__(self, base: Path, host: str, log: Log, *, long_ids: bool) -> None:
        self.base, self.host, self.log, self.long_ids = base, host, log, long_ids
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.base.mkdir(parents=True, exist_ok=True)
        self.base.chmod(0o755)
        words = (str(self.base), self.host, self.log, "yes" if self.long_ids else "no")
        self._process = subprocess.Popen(
            [*UNSHARE, sys.executable, "-m", "tests.postfix.inside", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self._order("set_up")
            self._order("start")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.kill()  # unshare takes the namespaces' first process along
        self._process.communicate(timeout=20)

    def _order(self, do: str, **words: object) -> None:
        assert self._process is not None
        orders: IO[str] | None = self._process.stdin
        answers: IO[str] | None = self._process.stdout
        assert orders is not None
        assert answers is not None
        print(json.dumps({"do": do, **words}), file=orders, flush=True)
        if not answers.readline():
            raise RuntimeError(f"the private Postfix ended at: {do}; its error stands above")

    def load(self, count: int, *, seed: int = 1, seconds: float = 0) -> list[truth.Mail]:
        """Send `count` mails, spread over `seconds`; what must become of each."""
        self._order("load", count=count, seed=seed, seconds=seconds)
        return truth.read(self.base / "truth.json")

    def settle(self, seconds: float = 30) -> None:
        """Wait until every mail found its end, but for those on hold."""
        self._order("settle", seconds=seconds)

    def configure(self, **parameters: str) -> None:
        """Change parameters of main.cf."""
        self._order("configure", **parameters)

    def submit(self, *recipients: str, header: str = "Subject: hello") -> None:
        """Send one mail by sendmail(1)."""
        self._order("submit", recipients=recipients, header=header)

    def postsuper(self, action: str, queue_id: str) -> None:
        """As an operator does: -d deletes, -h holds."""
        self._order("postsuper", action=action, queue_id=queue_id)

    def queue(self) -> list[dict[str, Any]]:
        """What `postqueue -j` says now; its own text stands in BASE/queue.json."""
        self._order("list_queue")
        listed = (self.base / "queue.json").read_text()
        return [json.loads(line) for line in listed.splitlines()]

    def stop(self) -> None:
        """Stop Postfix in good order; its log is whole then."""
        self._order("stop")
