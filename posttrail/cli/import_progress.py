"""What a person sees of an import: a bar on a terminal, one line for each file at its end."""

import time
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Imported(NamedTuple):
    """One file, when it is through."""

    path: str
    lines: int
    size: int
    """Bytes of these lines."""
    known_lines: int
    """Lines that stood in Kafka before."""
    seconds: float
    stopped: bool
    """Told to end before the end of the file."""


class ImportProgress:
    """Shows an import on standard error."""

    def __init__(self, size: int) -> None:
        """`size`: bytes of all files on disk."""
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("importing"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} % · {task.fields[lines]:,} lines"),
            TextColumn("{task.fields[rate]:,.0f} lines/s ·"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=size, lines=0, rate=0)
        self._began = time.monotonic()
        self._lines_before = 0
        self._size_before = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, lines: int, size: int) -> None:
        """So many lines of this file are in Kafka; so many bytes of it are read."""
        lines += self._lines_before
        rate = lines / max(0.001, time.monotonic() - self._began)
        self._bar.update(self._task, completed=self._size_before + size, lines=lines, rate=rate)

    def done(self, imported: Imported, size: int) -> None:
        """A file is through; `size`: its bytes on disk."""
        self._lines_before += imported.lines
        self._size_before += size
        self._bar.console.print(summary(imported), markup=False)


def summary(imported: Imported) -> str:
    """One line about one file."""
    if not imported.lines and not imported.stopped:
        return f"{imported.path}: nothing new, {imported.known_lines:,} lines were read before"
    rate = imported.lines / max(0.001, imported.seconds)
    text = (
        f"{imported.path}: {imported.lines:,} lines, {decimal(imported.size)} "
        f"in {imported.seconds:.1f} s ({rate:,.0f} lines/s)"
    )
    if imported.known_lines:
        text += f", {imported.known_lines:,} were read before"
    return text + (", stopped: the same command goes on here" if imported.stopped else "")
