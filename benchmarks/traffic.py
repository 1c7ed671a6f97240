"""A log of any length out of the sample log: its real lines again and again, later each time.

Every round has its own stretch of time, queue ids, message-ids and host, so that each mail of it is
a new one. Ids stay what Postfix would make: a short id keeps its microseconds, a long one holds its
time of birth.
"""

import argparse
import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from posttrail.identity import SECOND, born_of_short_id

SAMPLE = Path(__file__).parent.parent / "samples" / "mail.log.gz"
_DIGITS52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_ID = re.compile(r"\b[0-9A-F]{5}24[0-9A-F]{4}\b")
_PROCESS = re.compile(r"[^ ]+\[\d+\]")
_INODES = 0x100000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _digits(number: int, base: int, width: int) -> str:
    text = ""
    while number or width > 0:
        number, digit = divmod(number, base)
        text, width = _DIGITS52[digit] + text, width - 1
    return text


def long_id(born: int, inode: int) -> str:
    """As Postfix's global/mail_queue.h makes it; `born` in microseconds since 1970 UTC."""
    seconds, micros = divmod(born, SECOND)
    return f"{_digits(seconds, 52, 6)}{_digits(micros, 52, 4)}z{_digits(inode, 51, 1)}"


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


class Traffic:
    """The sample, taken apart once."""

    def __init__(
        self,
        *,
        long: bool,
        hosts: int,
        dealt: bool = False,
        seconds: int = 60,
        later: int | None = None,
    ) -> None:
        """A source of rounds.

        Args:
            long: whether the ids are long ones.
            hosts: how many hosts the rounds are of, in turn.
            dealt: whether the mails of every round are dealt out to all hosts.
            seconds: how much later each host's next round is; more than the sample lasts.
            later: when the first round begins, seconds since 1970; None: when the sample does.
        """
        self._dealt = dealt
        self._long = long
        self._hosts = hosts
        self._seconds = seconds
        with gzip.open(SAMPLE, "rt") as file:
            lines = [line.split(" ", 2) for line in file]
        stamps = [datetime.fromisoformat(stamp) for stamp, _, _ in lines]
        self._births: dict[str, int] = {}
        self._lines: list[tuple[datetime, int, str]] = []
        for stamp, (_, _, rest) in zip(stamps, lines, strict=True):
            for queue_id in _ID.findall(rest):
                if queue_id not in self._births:
                    self._births[queue_id] = born_of_short_id(queue_id, _microseconds(stamp))
            place = self._place(rest)
            self._lines.append((stamp, place, rest.replace("@load.test", ".ROUND@load.test")))
        began = _microseconds(stamps[0]) // SECOND
        self._later = 0 if later is None else later - began

    def _place(self, line: str) -> int:
        """Which of the hosts a line is of, counted from the round's: a mail's lines stay together.

        Lines of no mail stay with those of their process.
        """
        if not self._dealt:
            return 0
        whose = _ID.search(line) or _PROCESS.match(line)
        return zlib.crc32(whose[0].encode()) if whose else 0

    def round(self, number: int) -> str:
        """The lines of one round, a text that ends with a line feed."""
        turn, host = (number, number) if self._dealt else divmod(number, self._hosts)
        seconds = turn * self._seconds + self._later
        later = timedelta(seconds=seconds)
        ids = {known: self._renamed(known, number, seconds) for known in self._births}
        text = "".join(
            f"{(stamp + later).isoformat(timespec='microseconds')}"
            f" mx{(host + place) % self._hosts} {rest}"
            for stamp, place, rest in self._lines
        )
        text = text.replace(".ROUND@", f".{number}@")
        return _ID.sub(lambda found: ids.get(found[0], found[0]), text)

    def _renamed(self, queue_id: str, number: int, later: int) -> str:
        inode = (int(queue_id[5:], 16) + number * 4099) % _INODES + 0x240000
        if not self._long:
            return f"{queue_id[:5]}{inode:X}"
        return long_id(self._births[queue_id] + later * SECOND, inode)


def rounds(lines: int, *, long: bool, hosts: int, dealt: bool = False) -> Iterator[str]:
    """Rounds until there are at least so many lines."""
    traffic = Traffic(long=long, hosts=hosts, dealt=dealt)
    written = number = 0
    while written < lines:
        text = traffic.round(number)
        written += text.count("\n")
        number += 1
        yield text


def main() -> None:
    """Write a log to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument("--long", action="store_true", help="long queue ids")
    given = parser.parse_args()
    for text in rounds(given.lines, long=given.long, hosts=given.hosts):
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
