"""`make soak`: ten million hostile lines through the parser; minutes, so not part of `make test`.

No line may raise, none may change a field that is not the stranger's, and memory must stay flat.
Every line is one of Postfix's templates with hostile text in it, or that text cut or shuffled, or
plain noise. The seed is printed: the same seed gives the same lines.
"""

import argparse
import json
import resource
import sys
import time
from random import Random

from posttrail_processors.lines import Outcome, Rules, read_line

from posttrail.records import encode_fact
from tests.postfix_lines import Case, cases, stranger, words

LINES = 10_000_000
_WARM = 500_000
"""Lines after which the parser's memory of programs, relays and the like is full."""
_MOST_GROWTH = 32 * 1024
"""KiB that the process may grow after that: allocators' noise."""
_FRAME = {
    "type", "t", "host", "origin", "instance", "service", "component", "pid", "queue_id",
    "ambiguous",
}  # fmt: skip
_RULES = Rules(verp_marker="")


def _forged(case: Case, outcome: Outcome) -> bool:
    if outcome.cls != "fact" or len(outcome.facts) != 1:
        return True
    values = json.loads(encode_fact(outcome.facts[0]))
    said = {name: value for name, value in values.items() if name not in _FRAME}
    return (values["type"], said) != (case.kind, case.fields)


def _damaged(random: Random, line: bytes) -> bytes:
    """The line cut, doubled, or with a part of it elsewhere, or noise."""
    at, other = random.randrange(len(line)), random.randrange(len(line))
    noise = words(random).encode() + random.randbytes(random.randrange(20))
    return random.choice(
        (line[:at], line[:at] + noise + line[at:], line[at:] + line[:at], line[:at] + line[other:])
    )


def _memory() -> int:
    """KiB at the most so far (macOS counts in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def soak(lines: int, seed: int) -> tuple[int, int]:
    """Read so many lines; how many were forged, and by how many KiB the process grew."""
    random = Random(seed)
    done = forged = warm = 0
    began = shown = time.monotonic()
    while done < lines:
        for case in cases(stranger(random)):
            if _forged(case, read_line(case.line, (0, done), _RULES)):
                forged += 1
                print(f"forged: {case.line!r}")
            read_line(_damaged(random, case.line), (0, done), _RULES)
            done += 2
        if warm == 0 and done >= min(_WARM, lines // 2):
            warm = _memory()
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(f"{done:,} lines, {done / (shown - began):,.0f} a second, {_memory():,} KiB")
    return forged, _memory() - warm


def main() -> int:
    """Soak and say what was found; 1 when something was."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--lines", type=int, default=LINES)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed {given.seed}")
    forged, growth = soak(given.lines, given.seed)
    print(f"{given.lines:,} lines: none raised, {forged} forged, memory grew by {growth:,} KiB")
    return 1 if forged or growth > _MOST_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
