"""`make bench`: every benchmark here in a process of its own, and what they say, in turn.

A benchmark prints one line per comparison and ends with 0. What it cannot measure, for want of a
tool, it says in a line of its own; one that fails is a row with its last words.
"""

import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

HERE = Path(__file__).parent
NO_BENCHMARKS = {"__main__", "soak"}


class Outcome(NamedTuple):
    """What one benchmark said."""

    name: str
    lines: list[str]
    failed: bool


def names() -> list[str]:
    """All benchmarks, in the order of the alphabet."""
    found = (module.name for module in pkgutil.iter_modules([str(HERE)]))
    return sorted(set(found) - NO_BENCHMARKS)


def run(name: str) -> Outcome:
    """Run one; its progress on standard error is shown as it comes."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0:
        lines.append(f"failed with exit code {done.returncode}; its error stands above")
    return Outcome(name, lines, failed=done.returncode != 0)


def main() -> int:
    """Run all; 1 where one failed."""
    console = Console()
    outcomes = []
    for name in names():
        with console.status(name):
            outcomes.append(run(name))
        console.rule(name, align="left")
        console.print("\n".join(outcomes[-1].lines), markup=False, highlight=False, soft_wrap=True)
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
