"""Turns lines as files hold them into records of `maillog.raw`: canonical text, host as key.

`<RFC 3339 stamp> <host> <tag>[<pid>]: <message>`, byte for byte from the message on. A line that
has this form already goes through untouched. So does a line that is no syslog line or whose time
cannot be settled; its key is the producer's own host. n lines give n records.
"""

import re
from collections.abc import Callable, Iterable

from posttrail.carriers import Head, render, split
from posttrail.identity import SECOND
from posttrail.stamps import Stamps, rfc3339
from posttrail_producers.source import Record

# The stamp's digits are not checked here: whatever it says, nothing better can be made of it.
_canonical = re.compile(
    rb"\d{4}-[\d-]{5}T[\d:]{8}(?:\.\d{1,6})?(?:[+-][\d:]{5}|Z) ([^ ]++)"
    rb" [^ :\[]++(?:\[\d++\])?+: (?![ \[])"
).match
# The rest of a line in BSD form: only its stamp must be made canonical.
_after_stamp = re.compile(rb" ([^ ]++) [^ :\[]++(?:\[\d++\])?+: (?![ \[])").match
_BSD_SIZE = 15
_NO_RELAYS: frozenset[str] = frozenset()
"""Lines inside lines stay as they are: who may relay is a setting of the processor."""
_NO_LINE = b""


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


class Canonical:
    """Makes records of the lines of one source, in order."""

    def __init__(self, stamps: Stamps, host: str, find_year: Callable[[], int]) -> None:
        """Settle times with `stamps`.

        Args:
            stamps: settles the times; its state goes along with the position.
            host: key of lines that name none.
            find_year: asked once, when the first line that needs a year comes; its year.
        """
        self.stamps = stamps
        self._host = host
        self._key = host.encode()
        self._find_year = find_year
        self._stamp = _NO_LINE
        """The BSD stamp of the line before, when all lines with it are settled the same."""
        self._rfc3339 = b""

    def records(self, lines: Iterable[bytes]) -> list[Record]:
        """One record for each line."""
        made: list[Record] = []
        untouched = _NO_LINE
        for line in lines:
            if found := _canonical(line):
                made.append((found[1], line))
                untouched = line
            else:
                if untouched:
                    self._pass(untouched)
                    untouched = _NO_LINE
                made.append(self._repeated(line) or self._record(line))
        if untouched:
            self._pass(untouched)
        return made

    def _pass(self, line: bytes) -> None:
        """A line that needed nothing still tells the time to those after it."""
        self._stamp = _NO_LINE
        if head := split(_text(line), _NO_RELAYS):
            self.stamps.settle(head)

    def _repeated(self, line: bytes) -> Record | None:
        """The record of a line with the stamp of the line before."""
        if line[:_BSD_SIZE] != self._stamp or b": client=" in line or b": uid=" in line:
            return None
        if not (found := _after_stamp(line, _BSD_SIZE)) or line.endswith(b"\r"):
            return None
        return found[1], self._rfc3339 + line[_BSD_SIZE:]

    def _record(self, line: bytes) -> Record:
        head = split(_text(line), _NO_RELAYS)
        if head is None:
            return self._key, line
        if self.stamps.lacks_year(head):
            self.stamps.begin(self._find_year())
        settled = self.stamps.settle(head)
        host = self._host if head.host == "-" else head.host
        key = host.encode("utf-8", "surrogateescape")
        if settled is None:
            return key, line
        stamp = rfc3339(settled, micros=_has_micros(head))
        self._stamp = _NO_LINE
        if head.stamp is not None and self.stamps.repeats and _after_stamp(line, _BSD_SIZE):
            self._stamp, self._rfc3339 = line[:_BSD_SIZE], stamp.encode()
        text = render(stamp, host, head.tag, head.pid, head.message)
        return key, text.encode("utf-8", "surrogateescape")


def _has_micros(head: Head) -> bool:
    if head.t is not None:
        return head.t % SECOND != 0
    return head.stamp is not None and head.stamp.micros is not None
