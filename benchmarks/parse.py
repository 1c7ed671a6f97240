"""How fast lines are read: parse and extract, by component, beside pflogsumm on the same file.

CPU time of one process, the best of several runs, for other programs disturb. pflogsumm is the
Perl program that many use to count such logs; it makes no facts. Where it is not installed
(`apt install pflogsumm`) its row is missing.
"""

import gzip
import resource
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from posttrail_processors.lines import Rules, read_line
from rich.console import Console
from rich.table import Table

SAMPLE = Path(__file__).parents[1] / "samples" / "mail.log.gz"
_RUNS = 7
_FEWEST = 2_000
_RULES = Rules()


def read_all(lines: list[bytes]) -> float:
    """CPU seconds to read all lines once."""
    began = time.process_time()
    for offset, line in enumerate(lines):
        read_line(line, (0, offset), _RULES)
    return time.process_time() - began


def best(lines: list[bytes]) -> float:
    """CPU microseconds for one line, at the best."""
    lines *= max(1, _FEWEST // len(lines))
    return min(read_all(lines) for _ in range(_RUNS)) / len(lines) * 1e6


def by_component(lines: list[bytes]) -> dict[str, list[bytes]]:
    """The lines of each daemon."""
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for line in lines:
        parsed = read_line(line, (0, 0), _RULES).parsed
        found[(parsed and parsed.component) or "other"].append(line)
    return found


def pflogsumm(lines: list[bytes]) -> float | None:
    """CPU microseconds of pflogsumm for one line; None: it is not installed."""
    program = shutil.which("pflogsumm")
    if program is None:
        return None
    with tempfile.NamedTemporaryFile() as log:
        log.write(b"\n".join(lines) + b"\n")
        log.flush()
        return min(_run(program, log.name) for _ in range(3)) / len(lines) * 1e6


def _run(program: str, log: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((program, log), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print a table."""
    lines = gzip.decompress(SAMPLE.read_bytes()).splitlines()
    rows = [("all: parse and extract", len(lines), best(lines))]
    groups = sorted(by_component(lines).items(), key=lambda group: -len(group[1]))
    rows += [(component, len(group), best(group)) for component, group in groups]
    if (other := pflogsumm(lines)) is not None:
        rows.append(("pflogsumm, the same file", len(lines), other))
    table = Table("what", "lines", "us a line", "lines a second", title=f"Reading {SAMPLE.name}")
    for name, count, cost in rows:
        table.add_row(name, f"{count:,}", f"{cost:.2f}", f"{1e6 / cost:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
