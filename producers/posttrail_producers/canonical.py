"""Turns lines as files hold them into records of `maillog.raw`: canonical text, host as key.

`<RFC 3339 stamp> <host> <tag>[<pid>]: <message>`, byte for byte from the message on. A line that
has this form already goes through untouched. So does a line that is no syslog line or whose time
cannot be settled; its key is the producer's own host. n lines give n records.

Most lines take a short cut, many at a time; it gives what the long way (`_record`) gives.
"""

import re
from collections.abc import Callable, Sequence
from itertools import repeat

from posttrail.carriers import Head, render, split
from posttrail.identity import SECOND, born_of_long_id, is_long
from posttrail.stamps import Stamps, rfc3339
from posttrail_producers.source import Record

# The stamp's digits are not checked here: whatever it says, nothing better can be made of it.
_STAMP = rb"\d{4}-[\d-]{5}T[\d:]{8}(?:\.\d{1,6})?(?:[+-][\d:]{5}|Z)"
_TAG = rb"[^ :\[\n]++(?:\[\d++\])?+:"
_canonical = re.compile(_STAMP + rb" ([^ ]++) " + _TAG + rb" (?![ \[])").match
_WITH_ITS_END = _TAG + rb" (?![ \[])[^\n]*+\n"
# All lines of one host, in one step: one by one costs a third more.
_all_canonical = re.compile(
    _STAMP
    + rb" ([^ \n]++) "
    + _WITH_ITS_END
    + rb"(?:"
    + _STAMP
    + rb" \1 "
    + _WITH_ITS_END
    + rb")*+"
).fullmatch
# The rest of a line in BSD form: only its stamp must be made canonical. Who is no host (`-`) or has
# a return at the end needs more. With the queue id of a mail that is opened.
_after_stamp = re.compile(
    rb" (?!- )([^ ]++) " + _TAG + rb" (?![ \[])(?:([0-9B-Zb-z]{11,40}+): (?:client|uid)=)?+"
).match
_BSD_SIZE, _HOUR_SIZE = 15, 10
"""Of `Mmm dd HH:MM:SS` and of `Mmm dd HH:`."""
_SECOND_OF_HOUR = {
    f"{minute:02}:{second:02}".encode(): 60 * minute + second
    for minute in range(60)
    for second in range(60)
}
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
        self._untouched = _NO_LINE
        """The line before, if it is canonical and its time not yet known to `stamps`."""
        self._stamp = _NO_LINE
        """The BSD stamp of the line before, when all lines with it are settled the same."""
        self._rfc3339 = b""
        self._born = b""
        """Opening lines with this stamp and this second in their queue id are, too."""

    def records(self, lines: Sequence[bytes]) -> list[Record]:
        """One record for each line."""
        text = b"\n".join([*lines, b""])
        if found := _all_canonical(text):
            self._pass(lines[-1])
            return list(zip(repeat(found[1]), lines, strict=False))
        made = [self._one(line) for line in lines] if b"\r" in text else self._quick(lines)
        self._pass(self._untouched)
        return made

    def _quick(self, lines: Sequence[bytes]) -> list[Record]:
        """The records of lines of any form; those in BSD form mostly go a short way."""
        made: list[Record] = []
        stamp, rfc3339 = self._stamp, self._rfc3339
        for line in lines:
            same = line[:_BSD_SIZE] == stamp
            if same or line[:_HOUR_SIZE] == stamp[:_HOUR_SIZE]:
                found = _after_stamp(line, _BSD_SIZE)
                if found and (same or self._glides(line[:_BSD_SIZE])):
                    host, opening = found.groups()
                    if opening is None or not self._tells_more(opening):
                        stamp, rfc3339 = self._stamp, self._rfc3339
                        made.append((host, rfc3339 + line[_BSD_SIZE:]))
                        continue
            made.append(self._one(line))
            stamp, rfc3339 = self._stamp, self._rfc3339
        return made

    def _glides(self, stamp: bytes) -> bool:
        """Whether a stamp differs from the one before in that it is a little later."""
        before, now = (_SECOND_OF_HOUR.get(one[_HOUR_SIZE:]) for one in (self._stamp, stamp))
        if before is None or now is None or not self.stamps.glide(now - before):
            return False
        self._stamp, self._born = stamp, b""
        self._rfc3339 = self._rfc3339[:14] + stamp[_HOUR_SIZE:] + self._rfc3339[19:]
        return True

    def _tells_more(self, queue_id: bytes) -> bool:
        """Whether the id of a mail that is opened may say something new of the time."""
        born = queue_id[: queue_id.rfind(b"z") - 4]
        if born == self._born:
            return False
        if is_long(name := queue_id.decode()):
            if not self.stamps.confirms(born_of_long_id(name) // SECOND):
                return True
            self._born = born
        return False

    def _one(self, line: bytes) -> Record:
        if found := _canonical(line):
            self._stamp, self._untouched = _NO_LINE, line
            return found[1], line
        self._pass(self._untouched)
        return self._record(line)

    def _pass(self, line: bytes) -> None:
        """A line that needed nothing still tells the time to those after it."""
        if not line:
            return
        self._stamp = self._untouched = _NO_LINE
        if head := split(_text(line), _NO_RELAYS):
            self.stamps.settle(head)

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
        self._keep(line, head, stamp)
        text = render(stamp, host, head.tag, head.pid, head.message)
        return key, text.encode("utf-8", "surrogateescape")

    def _keep(self, line: bytes, head: Head, stamp: str) -> None:
        """What the next lines may have in common with this one."""
        self._stamp = _NO_LINE
        if head.stamp is None or not self.stamps.repeats:
            return
        if _after_stamp(line, _BSD_SIZE):
            self._stamp, self._rfc3339 = line[:_BSD_SIZE], stamp.encode()
            self._born = b""


def _has_micros(head: Head) -> bool:
    if head.t is not None:
        return head.t % SECOND != 0
    return head.stamp is not None and head.stamp.micros is not None
