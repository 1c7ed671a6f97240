"""What carries a Postfix message: the head of a syslog line in every form that is seen.

`split` takes a line apart, `render` puts the canonical line together. Knows no Postfix message, no
file and no clock: a stamp without year or zone stays unresolved (`Stamp`) for posttrail.years.

Text is str decoded from UTF-8 with `surrogateescape`, so bytes that are not UTF-8 come out again as
they went in. Forms: RFC 3339 and BSD stamps (RFC 3164), a year before the BSD stamp, RFC 5424, a
`<pri>` prefix, Solaris `[ID n mail.info]`, a missing colon, more spaces, leading NULs of a crash,
and a syslog line inside a syslog line, as container relays write.
"""

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

import msgspec

DEFAULT_RELAY_TAGS: frozenset[str] = frozenset({"", "docker", "containerd", "podman"})
"""Programs that put whole syslog lines of containers into their own. The empty name: a syslog
daemon that put its own stamp and host before another's, with no tag between."""

NO_TAG: Final = "-"
"""The tag of an RFC 5424 line that names no program. It keeps a message from passing for a tag."""

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  # one name for all zones here
_MICROSECOND = timedelta(microseconds=1)


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """A time of day as written, with no zone and perhaps no year."""

    year: int | None
    month: int
    day: int
    hour: int
    minute: int
    second: int
    """0 to 60: a leap second may be written."""
    micros: int | None = None
    """Absent when the line has no fraction."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """A line taken apart. Either `t` or `stamp` is there, or neither (RFC 5424 nil)."""

    t: int | None
    """Microseconds since 1970 UTC, when the stamp says year and zone."""
    stamp: Stamp | None
    """The stamp as written, when it does not."""
    host: str
    """`-` when RFC 5424 says nil."""
    tag: str
    """Without pid; empty when the line has none (`last message repeated 3 times`)."""
    pid: int | None
    message: str
    """Without the spaces before it."""


_PROGRAM = (
    r" +(?P<host>\S++) *+"
    r"(?:(?P<tag>[^\s:\[]++)(?:\[(?P<pid>\d{1,10})\](?:: *+| ++|$)|:(?: ++|$)))?+"
)
_ISO_STAMP = (
    r"(?P<second>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?"
)
# What rsyslog writes today, and what we write: the one form that must be fast.
_plain_line = re.compile(
    r"([\d:T -]{19})(?:\.(\d{6}))?([+-]\d\d:\d\d|Z) (\S++) ([^\s:\[]++)\[(\d{1,10})\]: "
    r"([^ \[].*[^\r])\Z",
    re.ASCII | re.DOTALL,
).match
_iso_line = re.compile(_ISO_STAMP + _PROGRAM, re.ASCII).match
_bsd_line = re.compile(
    r"(?P<second>(?:\d{4} )?[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?" + _PROGRAM,
    re.ASCII,
).match
# RFC 5424 section 6: version 1, stamp, host, app-name, procid, msgid, structured data, message.
_rfc5424_line = re.compile(
    rf"1 (?:-|{_ISO_STAMP}) (?P<host>\S++) (?P<tag>[^\s:\[]++) (?P<pid>\S++) \S++ "
    r'(?:-|(?:\[(?:[^\]\\"]++|\\.|"(?:[^"\\]++|\\.)*+")*+\])++)(?: |$)\ufeff?+ *+',
    re.ASCII,
).match
_priority = re.compile(r"<\d{1,3}>").match
_solaris_id = re.compile(r"\[ID \d+ \w+\.\w+\] ?", re.ASCII).match
_container_id = re.compile(r"[0-9a-f]{12}").fullmatch  # Docker's tag unless told otherwise
_postfix_tag = re.compile(r"[\w.+-]+(?:/[\w.+-]+)*/[a-z][a-z-]*").fullmatch


def _fraction(digits: str | None) -> int | None:
    return None if digits is None else int(digits[:6].ljust(6, "0"))


@lru_cache(maxsize=4096)
def _instant(second: str, zone: str) -> int | None:
    """Microseconds since 1970 UTC; None when there is no such date or zone."""
    leap = second.endswith("60")  # datetime knows no leap second
    offset = "+00:00" if zone in "Zz" else zone
    try:
        at = datetime.fromisoformat((second[:-2] + "59" if leap else second) + offset)
    except ValueError:
        return None
    return (at - _EPOCH) // _MICROSECOND + (1_000_000 if leap else 0)


@lru_cache(maxsize=4096)
def _written(second: str, micros: int | None) -> Stamp | None:
    """A stamp with year and without zone; None when there is no such date."""
    if _instant(second, "Z") is None:
        return None
    year, month, day = int(second[:4]), int(second[5:7]), int(second[8:10])
    clock = int(second[11:13]), int(second[14:16]), int(second[17:19])
    return Stamp(year, month, day, *clock, micros)


def _iso_time(
    second: str, fraction: str | None, zone: str | None
) -> tuple[int | None, Stamp | None]:
    if zone is None:
        return None, _written(second, _fraction(fraction))
    whole = _instant(second, zone)
    if whole is None or fraction is None:
        return whole, None
    return whole + int(fraction if len(fraction) == 6 else fraction[:6].ljust(6, "0")), None


@lru_cache(maxsize=4096)
def _bsd_time(second: str, fraction: str | None) -> Stamp | None:
    """`[YYYY ]Mmm dd HH:MM:SS`; None when there is no such date."""
    *year, name, day, clock = second.split()
    # 2000 had a 29th of February: whether this line's year has one is settled with the year.
    iso = f"{year[0] if year else 2000}-{MONTHS.get(name, 0):02}-{day:0>2}T{clock}"
    stamp = _written(iso, _fraction(fraction))
    return stamp if year or stamp is None else msgspec.structs.replace(stamp, year=None)


def _head(found: re.Match[str], t: int | None, stamp: Stamp | None) -> Head:
    host, tag, pid = found.group("host", "tag", "pid")
    message = found.string[found.end() :]
    if message.startswith("[ID ") and (solaris := _solaris_id(message)):
        message = message[solaris.end() :]
    message = message.removesuffix("\r")
    return Head(t, stamp, host, tag or "", int(pid) if pid and pid.isdigit() else None, message)


def _plain(line: str) -> Head | None:
    if not (found := _plain_line(line)):
        return None
    second, fraction, zone, host, tag, pid, message = found.groups()
    t = _instant(second, zone)
    if t is None:
        return None
    return Head(t + int(fraction or 0), None, host, tag, int(pid), message)


def _outer(line: str) -> Head | None:
    if found := _iso_line(line):
        t, stamp = _iso_time(*found.group("second", "fraction", "zone"))
        return None if t is None and stamp is None else _head(found, t, stamp)
    if line[:1] == "\0":
        return _outer(line.lstrip("\0"))
    if priority := _priority(line):
        line = line[priority.end() :]
        return None if line[:1] in {"<", "\0"} else _outer(line)
    if found := _bsd_line(line):
        stamp = _bsd_time(*found.group("second", "fraction"))
        return None if stamp is None else _head(found, None, stamp)
    return _rfc5424(line)


def _rfc5424(line: str) -> Head | None:
    if not (found := _rfc5424_line(line)):
        return None
    second, fraction, zone = found.group("second", "fraction", "zone")
    if second is None:
        return _head(found, None, None)
    t, stamp = _iso_time(second, fraction, zone)
    return None if t is None and stamp is None else _head(found, t, stamp)


def _is_relay(tag: str, relay_tags: frozenset[str]) -> bool:
    if tag in relay_tags or (tag and tag.partition("/")[0] in relay_tags - {""}):
        return True
    return "docker" in relay_tags and _container_id(tag) is not None


def _relayed(outer: Head) -> Head:
    """The Postfix line inside a relay's line, or the relay's own line when it holds none.

    The message must be, from its first byte, a whole head with pid and a tag as Postfix makes them.
    An inner stamp without year or zone is not used: the relay's clock stamped the same line, and
    the container's zone is known to nobody.
    """
    inner = _outer(outer.message)
    if inner is None or inner.pid is None or not _postfix_tag(inner.tag):
        return outer
    if inner.t is not None:
        return inner
    return Head(outer.t, outer.stamp, inner.host, inner.tag, inner.pid, inner.message)


def split(line: str, relay_tags: frozenset[str] = DEFAULT_RELAY_TAGS) -> Head | None:
    """The parts of a syslog line; None when it is none.

    Args:
        line: without its newline, decoded with `surrogateescape`.
        relay_tags: whose lines may hold another syslog line. A name means the tag itself and all
            below it: `docker` also `docker/mail`. No other program's text is ever taken for a
            head, for programs log what strangers say.
    """
    head = _plain(line) or _outer(line)
    if head is not None and _is_relay(head.tag, relay_tags):
        return _relayed(head)
    return head


def render(stamp: str, host: str, tag: str, pid: int | None, message: str) -> str:
    """The canonical line: `<stamp> <host> <tag>[<pid>]: <message>`; `stamp` is RFC 3339."""
    if not tag:
        return f"{stamp} {host} {message}"
    program = tag if pid is None else f"{tag}[{pid}]"
    return f"{stamp} {host} {program}: {message}"
