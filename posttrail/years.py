"""The year of a stamp that has none, from its neighbours, queue ids and the file's age.

Works in a calendar whose years all have 366 days, so that distances between days are plain numbers
whatever the year. Pure and streaming; the state is a small record that can be kept with a file
position. Knows no zone (posttrail.stamps) and no file.
"""

import re
from calendar import isleap
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

from posttrail import identity
from posttrail.carriers import Head, Stamp

DAY = 24 * 60 * 60
YEAR = 366 * DAY
LATE = 92 * DAY
"""A stamp that lies back no further than this is late; further back, it belongs to the next year.
A quarter: no line waits so long, and a log with a silence of nine months is none."""

NEAR = 7 * DAY
"""After a jump ahead of more than LATE, a line this near to the place before shows that the line
that jumped had gone astray."""

Source: TypeAlias = Literal["given", "stamp", "queue id", "file time"]
"""What told a year."""

BEGIN = 2000
"""Where a walk begins as long as no year is known."""

_DAYS_BEFORE = (0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335)
_OPENING = re.compile(r"([0-9B-Zb-z]{11,40}): (?:client|uid)=").match
_OPENERS = ("/smtpd", "/pickup", "/qmqpd")
_LAST_SECOND = 253_402_300_799  # of the year 9999


class Walk(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a walk through stamps without a year stands; seconds of the 366-day calendar."""

    year: int
    """Year of the first line; meaningless after it."""
    last: int | None = None
    """The last stamp that its neighbours confirm."""
    stray: int | None = None
    """The stamp before, when it lies far ahead: a silence in the log, or one line gone astray?"""


def season(stamp: Stamp) -> int:
    """Seconds since the year began, were it a leap year."""
    days = _DAYS_BEFORE[stamp.month - 1] + stamp.day - 1
    return days * DAY + stamp.hour * 3600 + stamp.minute * 60 + stamp.second


def _beside(moment: int, other: int) -> int:
    """The earliest moment of this season that is not more than LATE before the other one."""
    return other - LATE + (moment - other + LATE) % YEAR


def step(walk: Walk, stamp: Stamp) -> tuple[Walk, int]:
    """The walk after one more stamp, and the year of this stamp.

    One line gone astray never moves the years of those after it: after a jump of up to LATE the way
    back is that of a late line, and a longer jump does not count when the next line is back.
    """
    moment = season(stamp)
    if stamp.year is not None:
        return Walk(walk.year, last=stamp.year * YEAR + moment), stamp.year
    if walk.last is None:
        return Walk(walk.year, last=walk.year * YEAR + moment), walk.year
    last, found = walk.last, _beside(moment, walk.last)
    if walk.stray is not None and abs(found - last) > NEAR:
        last, found = walk.stray, _beside(moment, walk.stray)
    if found - last > LATE:
        return Walk(walk.year, last=last, stray=found), found // YEAR
    return Walk(walk.year, last=found), found // YEAR


def born_in(head: Head) -> int | None:
    """When the mail was made that this line opens, from its long queue id; else None.

    Microseconds since 1970 UTC, less than a second or so before the line was logged: smtpd and
    qmqpd log `client=`, pickup logs `uid=` right after they made the queue file. Other lines may
    name the id days later.
    """
    if not head.tag.endswith(_OPENERS) or not (found := _OPENING(head.message)):
        return None
    if not identity.is_long(found[1]):
        return None
    born = identity.born_of_long_id(found[1])
    return born if born <= _LAST_SECOND * identity.SECOND else None


def year_near(stamp: Stamp, instant: int) -> int:
    """The year that puts the stamp nearest to an instant (microseconds since 1970 UTC)."""
    begin = _moment(instant) - YEAR // 2
    return (begin + (season(stamp) - begin) % YEAR) // YEAR


def latest_year(stamp: Stamp, instant: int, tolerance: int = DAY) -> int:
    """The latest year that does not put the stamp after an instant (+ tolerance in seconds)."""
    return (_moment(instant) + tolerance - season(stamp)) // YEAR


def latest_moment(instant: int, tolerance: int = DAY) -> int:
    """The last moment, on the scale of `Walk.last`, that is not after an instant (+ tolerance)."""
    return _moment(instant) + tolerance


def exists(stamp: Stamp, year: int) -> bool:
    """Whether the stamp's day is in this year: a 29th of February needs a leap year."""
    return isleap(year) or (stamp.month, stamp.day) != (2, 29)


def _date(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // identity.SECOND, UTC)


def stamp_of(instant: int) -> Stamp:
    """An instant (microseconds since 1970 UTC) as a stamp of UTC."""
    at = _date(instant)
    return Stamp(at.year, at.month, at.day, at.hour, at.minute, at.second)


def _moment(instant: int) -> int:
    return _date(instant).year * YEAR + season(stamp_of(instant))


def first_year(heads: Iterable[Head], modified: int) -> tuple[int, Source]:
    """The year of the first line of a log, and what told it.

    Reads on until a line tells the year by itself (a stamp with a year, a long queue id) and counts
    the New Years up to there; else the file's time bounds the last line.

    Args:
        heads: of the log's lines, from the first on.
        modified: when the file was written last, microseconds since 1970 UTC.
    """
    walk, leaps = Walk(BEGIN), set[int]()
    for head in heads:
        stamp = head.stamp if head.t is None else stamp_of(head.t)
        if stamp is None:
            continue
        walk, year = step(walk, msgspec.structs.replace(stamp, year=None))
        if stamp.year is not None:
            return BEGIN + stamp.year - year, "stamp"
        if (born := born_in(head)) is not None:
            return BEGIN + year_near(stamp, born) - year, "queue id"
        if (stamp.month, stamp.day) == (2, 29):
            leaps.add(year - BEGIN)
    return _bounded(walk, leaps, modified), "file time"


def _bounded(walk: Walk, leaps: set[int], modified: int) -> int:
    last = BEGIN * YEAR if walk.last is None else walk.last
    passed = last // YEAR - BEGIN
    first = (_moment(modified) + DAY - last % YEAR) // YEAR - passed
    fitting = (year for year in range(first, first - 8, -1) if all(isleap(year + n) for n in leaps))
    return next(fitting, first)
