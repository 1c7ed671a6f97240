"""What a line costs when it comes of few hosts or of a thousand: the same mails, dealt out.

The whole import each time (benchmarks/whole.py), one file as a relay of syslog writes it. What a
thousand producers cost the broker is in benchmarks/transactions.py.
"""

import argparse

from benchmarks.whole import Load, measure


def main() -> None:
    """Print what was measured, for each number of hosts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--hosts", type=int, nargs="+", default=[6, 1_000])
    parser.add_argument("--short", action="store_true", help="short queue ids")
    given = parser.parse_args()
    for hosts in given.hosts:
        load = Load(given.lines, long=not given.short, hosts=hosts, dealt=True)
        for line in measure(load):
            print(line, flush=True)


if __name__ == "__main__":
    main()
