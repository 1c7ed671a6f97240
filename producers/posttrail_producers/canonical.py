"""Turns lines as files hold them into records of `maillog.raw`: canonical text, host as key.

`<RFC 3339 stamp> <host> <tag>[<pid>]: <message>`, byte for byte from the message on. A line that
has this form already goes through untouched. So does a line that is no syslog line or whose time
cannot be settled; its key is the producer's own host. n lines give n records.

Most lines take a short cut, many at a time; it gives what the long way (`_record`) gives.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import add, itemgetter

from posttrail.carriers import Head, render, split
from posttrail.identity import SECOND, born_of_long_id
from posttrail.stamps import Stamps, rfc3339
from posttrail_producers.source import Record

# The stamp's digits are not checked here: whatever it says, nothing better can be made of it.
_STAMP = rb"\d{4}-[\d-]{5}T[\d:]{8}(?:\.\d{1,6})?(?:[+-][\d:]{5}|Z)"
_TAG = rb"[^ :\[\n]++(?:\[\d++\])?+:"
_canonical = re.compile(_STAMP + rb" ([^ ]++) " + _TAG + rb" (?![ \[])").match
_WITH_ITS_END = _TAG + rb" (?![ \[]).*+\n"
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
# a return at the end needs more.
_after_stamp = re.compile(rb" (?!- )[^ ]++ " + _TAG + rb" (?![ \[])").match
# Lines in BSD form of one host and one hour, in one step, too.
_all_of_an_hour = re.compile(
    rb"([^\n]{10})\d\d:\d\d (?!- )([^ \n]++) "
    + _WITH_ITS_END
    + rb"(?:\1\d\d:\d\d \2 "
    + _WITH_ITS_END
    + rb")*+"
).match
_all_of_any_host = re.compile(
    rb"([^\n]{10})\d\d:\d\d (?!- )[^ \n]++ "
    + _WITH_ITS_END
    + rb"(?:\1\d\d:\d\d (?!- )[^ \n]++ "
    + _WITH_ITS_END
    + rb")*+"
).match
_hosts_in = re.compile(rb".{16}([^ ]++).*+\n").findall
# Where a mail is opened. A stranger's text may say so, too: then an id is looked at in vain.
_openings = re.compile(rb": (?:client|uid)=").finditer
# Its long queue id, the seconds in it apart.
_BASE52 = rb"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]"
_long_id = re.compile(rb"(%b{6,30})%b{4}z[^z]++" % (_BASE52, _BASE52)).fullmatch
_opens = re.compile(rb"[^ ]++ " + _TAG + rb" [0-9B-Zb-z]{11,40}+: (?:client|uid)=").match
_BSD_SIZE, _HOUR_SIZE = 15, 10
"""Of `Mmm dd HH:MM:SS` and of `Mmm dd HH:`."""
_stamp_of, _rest_of = itemgetter(slice(_BSD_SIZE)), itemgetter(slice(_BSD_SIZE, None))
_FEW = 8
"""So many lines are not worth trying to settle half of them at once."""
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


def _alike(text: bytes, start: int) -> tuple[int, list[bytes]]:
    """Where lines in BSD form with the same hour end, and their hosts; none: there is no such."""
    found = _all_of_an_hour(text, start)
    if found is None:
        return start, []
    count = text.count(b"\n", start, found.end())
    if count > _FEW or found.end() == len(text):
        return found.end(), [found[2]] * count
    found = _all_of_any_host(text, start)
    assert found is not None
    return found.end(), _hosts_in(text, start, found.end())


def _opened_in(text: bytes, start: int, end: int) -> dict[bytes, set[bytes]]:
    """Stamp -> seconds in the long queue ids of mails that lines with it open, or seem to."""
    found: dict[bytes, set[bytes]] = {}
    for opening in _openings(text, start, end):
        at = opening.start()
        if queue_id := _long_id(text, text.rfind(b" ", start, at) + 1, at):
            line = text.rfind(b"\n", start, at) + 1 or start
            found.setdefault(text[line : line + _BSD_SIZE], set()).add(queue_id[1])
    return found


@lru_cache(maxsize=1024)
def _born(seconds: bytes) -> int:
    """Seconds since 1970 UTC."""
    return born_of_long_id(seconds.decode() + "0000z") // SECOND


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
        self._second = 0
        """What its minutes and seconds count; meaningless for a leap second."""
        self._rfc3339 = b""

    def records(self, lines: Sequence[bytes]) -> list[Record]:
        """One record for each line."""
        text = b"\n".join([*lines, b""])
        if found := _all_canonical(text):
            self._pass(lines[-1])
            return list(zip(repeat(found[1]), lines, strict=False))
        made = [self._one(line) for line in lines] if b"\r" in text else self._quick(lines, text)
        self._pass(self._untouched)
        return made

    def _quick(self, lines: Sequence[bytes], text: bytes) -> list[Record]:
        """The records of lines of any form; those in BSD form mostly go a short way."""
        made: list[Record] = []
        start = 0
        while len(made) < len(lines):
            at = len(made)
            end, hosts = _alike(text, start)
            if not hosts:
                made.append(self._one(lines[at]))
                start += len(lines[at]) + 1
                continue
            opened = _opened_in(text, start, end)
            if lines[at][:_HOUR_SIZE] != self._stamp[:_HOUR_SIZE]:
                made.append(self._one(lines[at]))
            first, start = len(made) - at, end
            some = lines[len(made) : at + len(hosts)]
            made += self._of_an_hour(hosts[first:], some, opened)
        return made

    def _of_an_hour(
        self,
        hosts: Sequence[bytes],
        lines: Sequence[bytes],
        opened: Mapping[bytes, Iterable[bytes]],
    ) -> list[Record]:
        """The records of lines of these hosts, all in BSD form with the same hour."""
        stamps = [*map(_stamp_of, lines)]
        if new := self._settled_with_the_last(stamps, opened):
            values = map(add, map(new.__getitem__, stamps), map(_rest_of, lines))
            return list(zip(hosts, values, strict=True))
        if len(lines) <= _FEW:
            return [*map(self._one_of_some, hosts, lines)]
        half = len(lines) // 2
        first = self._of_an_hour(hosts[:half], lines[:half], opened)
        return first + self._of_an_hour(hosts[half:], lines[half:], opened)

    def _settled_with_the_last(
        self, stamps: Sequence[bytes], opened: Mapping[bytes, Iterable[bytes]]
    ) -> dict[bytes, bytes]:
        """Each stamp in RFC 3339, if all differ from the one before in their second only.

        Empty: some must be settled one by one.
        """
        if not stamps or stamps[0][:_HOUR_SIZE] != self._stamp[:_HOUR_SIZE]:
            return {}
        ahead: dict[bytes, int] = {}
        for stamp in dict.fromkeys(stamps):
            if (second := _SECOND_OF_HOUR.get(stamp[_HOUR_SIZE:])) is None:
                return {}
            ahead[stamp] = second - self._second
        if not self.stamps.may_glide(max(ahead.values())) or not all(
            self.stamps.confirms(_born(seconds), ahead[stamp])
            for stamp in ahead.keys() & opened.keys()
            for seconds in opened[stamp]
        ):
            return {}
        hour, zone = self._rfc3339[:14], self._rfc3339[19:]
        self.stamps.glide(ahead[stamps[-1]])
        self._second += ahead[stamps[-1]]
        self._stamp = stamps[-1]
        new = {stamp: hour + stamp[_HOUR_SIZE:] + zone for stamp in ahead}
        self._rfc3339 = new[self._stamp]
        return new

    def _one_of_some(self, host: bytes, line: bytes) -> Record:
        """The record of a line in BSD form, perhaps with the stamp of the one before."""
        if line[:_BSD_SIZE] == self._stamp and not _opens(line, _BSD_SIZE + 1):
            return host, self._rfc3339 + line[_BSD_SIZE:]
        return self._one(line)

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
            self._second = _SECOND_OF_HOUR.get(self._stamp[_HOUR_SIZE:], 0)


def _has_micros(head: Head) -> bool:
    if head.t is not None:
        return head.t % SECOND != 0
    return head.stamp is not None and head.stamp.micros is not None
