"""`make bench`: every benchmark here in a process of its own, one after the other.

A benchmark prints one line per comparison and ends with 0. What it cannot measure, for want of a
tool, it says in a line of its own; one that fails or does not end is named at the end.
"""

import pkgutil
import signal
import sys
from pathlib import Path

from posttrail_embedded.process import Child
from rich.console import Console

HERE = Path(__file__).parent
NO_BENCHMARKS = {"__main__", "soak", "traffic"}
LONGEST_S = 30 * 60
GOODBYE_S = 60
"""What a benchmark that is stopped has to end its servers."""


def names() -> list[str]:
    """All benchmarks, in the order of the alphabet."""
    found = (module.name for module in pkgutil.iter_modules([str(HERE)]))
    return sorted(set(found) - NO_BENCHMARKS)


def problem(command: list[str], longest_s: float) -> str | None:
    """Run a command to its end, with our output, and end all that it leaves behind.

    Returns: what is wrong where it fails or takes longer.
    """
    child = Child(command, log=None, stop_signal=signal.SIGINT, grace=GOODBYE_S, cwd=HERE.parent)
    try:
        code = child.wait(longest_s)
    finally:
        child.stop()
    if code is None:
        return f"stopped, it had not ended after {longest_s:.0f} s"
    return f"failed with exit code {code}" if code else None


def main() -> int:
    """Run all; 1 where one failed."""
    console = Console()
    problems = {}
    for name in names():
        console.rule(name, align="left")
        problems[name] = problem([sys.executable, "-m", f"benchmarks.{name}"], LONGEST_S)
    failed = [f"{name}: {said}" for name, said in problems.items() if said]
    console.rule(f"{len(problems)} benchmarks, {len(failed)} failed", align="left")
    console.print(*failed, sep="\n", markup=False, highlight=False)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
