"""When a line was logged, where its stamp alone does not say: year and zone are settled here.

Trusted in this order: what the user says (`--year`, `--zone`), long queue ids, the file's time and
the host's zone. Streaming; the state is a small record that goes along with the file position, so a
reader that starts again in mid file goes on the same. Pure but for the host's own zone.
"""

import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

import msgspec

from posttrail import years
from posttrail.carriers import Head, Stamp
from posttrail.errors import BadInput
from posttrail.identity import SECOND
from posttrail.years import Walk

QUARTER = 15 * 60
"""Zones differ from UTC by whole quarters of an hour."""
PROMPT = 60
"""Seconds within which a daemon logs the mail that it opened."""
LAST_SECOND = 59
TURN_BACK = 5 * 60
"""In the hour that comes twice, a stamp this many seconds before the one before is late; further
back, the clocks were turned."""


class Settled(msgspec.Struct, frozen=True, gc=False):
    """The time of a line."""

    t: int
    """Microseconds since 1970 UTC."""
    offset: int
    """Seconds east of UTC of the stamp as written."""


class State(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """All that must be kept between two lines."""

    walk: Walk | None = None
    """None: no year is known yet."""
    newest: int | None = None
    """Seconds since 1970 UTC of the line before."""
    offset: int | None = None
    """Seconds east of UTC as long queue ids tell, where that is not the zone's."""


def zone_named(name: str) -> tzinfo:
    """A zone of the tz database.

    Raises:
        BadInput: there is none of this name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"no time zone {name!r}: name one as Europe/Berlin or UTC") from None


@lru_cache(maxsize=4096)
def _seconds(stamp: Stamp, year: int, zone: tzinfo | None, fold: int) -> int:
    """Seconds since 1970 UTC; a leap second counts as the second after it."""
    at = datetime(
        year, stamp.month, stamp.day, stamp.hour, stamp.minute, min(stamp.second, 59),
        tzinfo=zone, fold=fold,
    )  # fmt: skip
    return int(at.timestamp()) + (stamp.second == 60)


@lru_cache(maxsize=1024)
def _offset_in_hour(stamp: Stamp, year: int, zone: tzinfo | None) -> int | None:
    """Seconds east of UTC in the whole of this hour; None: clocks are turned in it, or doubtful."""
    first = msgspec.structs.replace(stamp, minute=0, second=0, micros=None)
    last = msgspec.structs.replace(stamp, minute=59, second=59, micros=None)
    offsets = {
        _seconds(each, year, UTC, 0) - _seconds(each, year, zone, fold)
        for each in (first, last)
        for fold in (0, 1)
    }
    return offsets.pop() if len(offsets) == 1 else None


class Stamps:
    """Settles the stamps of one source, line by line."""

    def __init__(
        self,
        state: State,
        zone: tzinfo | None = None,
        *,
        zone_given: bool = False,
        year_given: bool = False,
        not_after: int | None = None,
    ) -> None:
        """Go on from `state`.

        Args:
            state: of the line before; without a year in it, year-less stamps are not settled.
            zone: of the stamps; None: the host's.
            zone_given: the zone was said by the user: queue ids do not overrule it.
            year_given: the same for the year.
            not_after: microseconds since 1970 UTC: a day later than this, no line was logged. When
                the file was written last, or when the line was received.
        """
        self._state = state
        self._zone = zone
        self._zone_given = zone_given
        self._year_given = year_given
        self.not_after = not_after
        self._before: tuple[Stamp | None, Settled] | None = None
        self._passed: int | None = None
        self._glided = 0
        """Seconds that the stamps have gone on since the last one that was settled."""
        self._room = -1
        """How much further they may; negative: each stamp and opening line is to be settled."""

    @property
    def state(self) -> State:
        """What the next line needs to know of those before it."""
        if self._passed is not None:
            self._walk_past(self._passed)
        if self._glided:
            self._catch_up()
        return self._state

    @property
    def repeats(self) -> bool:
        """Whether a line with the stamp of the last one settled is settled the same.

        Not so for lines that open a mail: their queue ids may say more.
        """
        return self._before is not None and self._passed is None

    def may_glide(self, seconds: int) -> bool:
        """Whether a stamp of the same hour of the same clock has the offset of the last one.

        `seconds`: how much later it is, or earlier. No: `settle` is to be asked. Only after
        `repeats` said yes.
        """
        return 0 <= self._room >= seconds

    def glide(self, seconds: int) -> None:
        """Settle a stamp of which `may_glide` said yes: it is the last one now."""
        self._room -= seconds
        self._glided += seconds

    def confirms(self, born: int, ahead: int) -> bool:
        """Whether a line that opened a mail born then is settled as its stamp is by `may_glide`.

        `born`: seconds since 1970 UTC; `ahead`: seconds from the last stamp to the line's. No:
        `settle` is to be asked.
        """
        if self._room < 0 or self._state.newest is None:
            return False
        return _opened_by(self._state.newest + self._glided + ahead, born)

    def lacks_year(self, head: Head) -> bool:
        """Whether this line cannot be settled before `begin` says a year."""
        yearless = head.stamp is not None and head.stamp.year is None
        return yearless and self.state.walk is None

    def begin(self, year: int) -> None:
        """The next line is of this year, as `posttrail.years.first_year` found."""
        self._state = msgspec.structs.replace(self.state, walk=Walk(year))

    def settle(self, head: Head) -> Settled | None:
        """When this line was logged; None when that cannot be known.

        That is so for a nil stamp, for a year-less one before a year is known, and for a 29th of
        February that would fall into a year without one.
        """
        if head.t is not None:
            self._passed = head.t
            return Settled(head.t, 0)
        stamp = head.stamp
        if stamp is None:
            return None
        born = years.born_in(head)
        if self._glided:
            self._catch_up()
        # Most lines carry the stamp of the line before; carriers gives equal ones as one object.
        if born is None and self._before is not None and self._before[0] is stamp:
            return self._before[1]
        return self._settle(stamp, None if born is None else born // SECOND)

    def _walk_past(self, t: int) -> None:
        walk, _ = years.step(self._state.walk or Walk(years.BEGIN), years.stamp_of(t))
        self._state = msgspec.structs.replace(self._state, walk=walk, newest=t // SECOND)
        self._passed = self._before = None
        self._glided, self._room = 0, -1

    def _catch_up(self) -> None:
        """The state of the stamp up to which we glided."""
        walk, newest = self._state.walk, self._state.newest
        if walk is not None and walk.last is not None and newest is not None:
            walk = msgspec.structs.replace(walk, last=walk.last + self._glided)
            newest += self._glided
            self._state = msgspec.structs.replace(self._state, walk=walk, newest=newest)
        if self._before is not None:
            settled = self._before[1]
            t = settled.t + self._glided * SECOND
            self._before = (None, msgspec.structs.replace(settled, t=t))
        self._glided = 0

    def _room_after(self, stamp: Stamp, settled: Settled, year: int) -> int:
        """How many seconds further nothing but the stamp itself can tell anything new."""
        walk, offset = self._state.walk, self._state.offset
        if stamp.year is not None or stamp.micros is not None or stamp.second > LAST_SECOND:
            return -1
        if walk is None or walk.last is None or settled.offset % QUARTER:
            return -1
        in_hour = _offset_in_hour(
            msgspec.structs.replace(stamp, minute=0, second=0), year, self._zone
        )
        if in_hour is None or in_hour == offset:
            return -1
        room = LAST_SECOND + 60 * 59 - 60 * stamp.minute - stamp.second
        if self.not_after is None:
            return room
        return min(room, years.latest_moment(self.not_after) - walk.last)

    def _settle(self, stamp: Stamp, born: int | None) -> Settled | None:
        self._room = -1
        year = self._year(stamp, born)
        if year is None or not years.exists(stamp, year) or not 1 < year < 9999:
            return None
        if born is not None and not self._zone_given:
            self._learn_offset(stamp, year, born)
        at = self._in_order(stamp, year, born)
        self._state = msgspec.structs.replace(self._state, newest=at)
        settled = Settled(at * SECOND + (stamp.micros or 0), _seconds(stamp, year, UTC, 0) - at)
        has_stray = self._state.walk is not None and self._state.walk.stray is not None
        self._before = None if has_stray else (stamp, settled)
        self._room = -1 if has_stray else self._room_after(stamp, settled, year)
        return settled

    def _year(self, stamp: Stamp, born: int | None) -> int | None:
        walk = self.state.walk
        if walk is None:
            if stamp.year is None:
                return None
            walk = Walk(stamp.year)
        if born is not None and stamp.year is None and not self._year_given:
            # The id is surer than the walk, which may have met a silence of most of a year.
            near = years.year_near(stamp, born * SECOND)
            stamp = msgspec.structs.replace(stamp, year=near)
        walk, year = self._step(walk, stamp)
        self._state = msgspec.structs.replace(self._state, walk=walk)
        return year

    def _step(self, walk: Walk, stamp: Stamp) -> tuple[Walk, int]:
        after, year = years.step(walk, stamp)
        if self.not_after is None or stamp.year is not None:
            return after, year
        latest = years.latest_year(stamp, self.not_after)
        if year <= latest:
            return after, year
        return years.step(walk, msgspec.structs.replace(stamp, year=latest))

    def _learn_offset(self, stamp: Stamp, year: int, born: int) -> None:
        local = _seconds(stamp, year, UTC, 0)
        offset = (local - born + 2) // QUARTER * QUARTER
        if not _opened_by(local - offset, born) or not -12 * 3600 <= offset <= 14 * 3600:
            return
        of_zone = {local - _seconds(stamp, year, self._zone, fold) for fold in (0, 1)}
        learnt = None if offset in of_zone else offset
        self._state = msgspec.structs.replace(self._state, offset=learnt)

    def _in_order(self, stamp: Stamp, year: int, born: int | None) -> int:
        """The instant; of the two in the hour that comes twice, the one that keeps the order."""
        if self._state.offset is not None:
            return _seconds(stamp, year, UTC, 0) - self._state.offset
        first, second = (_seconds(stamp, year, self._zone, fold) for fold in (0, 1))
        if second <= first:  # equal, or in an hour that the clocks left out
            return first
        if born is not None and _opened_by(first, born) != _opened_by(second, born):
            return first if _opened_by(first, born) else second
        newest = self._state.newest
        return first if newest is None or first >= newest - TURN_BACK else second


def _opened_by(at: int, born: int) -> bool:
    """Whether a line of this second can have opened a mail that was born then."""
    return -2 <= at - born <= PROMPT


def rfc3339(settled: Settled, *, micros: bool) -> str:
    """The stamp as text, in the zone that it was written in; `micros`: with six digits of them."""
    whole, fraction = divmod(settled.t, SECOND)
    text = _rfc3339_second(whole, settled.offset)
    return f"{text[:19]}.{fraction:06}{text[19:]}" if micros else text


@lru_cache(maxsize=4096)
def _rfc3339_second(whole: int, offset: int) -> str:
    return datetime.fromtimestamp(whole, timezone(timedelta(seconds=offset))).isoformat()


def not_after(stamp: Stamp, received: int, zone: tzinfo | None = None) -> int | None:
    """When a line of another shipper was logged whose stamp has no year or zone.

    Microseconds since 1970 UTC: the latest that is not after the record's Kafka timestamp
    (microseconds, with a day for clocks and zones). None: no such day in these years.
    """
    year = stamp.year if stamp.year is not None else years.latest_year(stamp, received)
    if not years.exists(stamp, year) or not 1 < year < 9999:
        return None
    return _seconds(stamp, year, zone, 0) * SECOND + (stamp.micros or 0)
