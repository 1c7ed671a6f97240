"""Times as people say them: `yesterday`, `2h`, `monday`, ISO 8601. Pure: the clock comes in.

What has no zone is local: it means what the clock on the wall says. Own code on purpose: libraries
for dates in words find one in nearly any text, and a mistyped `--since` must be an error.
"""

import re
from datetime import datetime, timedelta

from posttrail.errors import BadInput

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})\s*(min|[smhdw])")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")

FORMS = "now, today, yesterday, monday, yesterday 14:00, 14:00, 90min, 2h, 3d, 1w, 2026-11-18T14:00"


def moment(said: str, now: datetime) -> datetime:
    """The time that was meant, with its zone.

    Args:
        said: one of FORMS or any ISO 8601 time; a day alone is its midnight.
        now: with the zone in which days begin and clocks are read.

    Raises:
        BadInput: it is none; the message shows the forms.
    """
    text = " ".join(said.lower().split())
    try:
        return _ago(text, now) or _day_and_clock(text, now) or _iso(said.strip(), now)
    except (ValueError, OverflowError):
        raise BadInput(f"{said!r} is no time: say one of {FORMS}") from None


def _ago(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    found = _AGO.fullmatch(text.removesuffix(" ago"))
    if found is None:
        return None
    return now - timedelta(**{_UNITS[found[2]]: int(found[1])})


def _day_and_clock(text: str, now: datetime) -> datetime | None:
    """`monday` is the last one, today included; a clock alone is today's."""
    name, _, clock = text.partition(" ")
    if _CLOCK.fullmatch(name) and not clock:
        name, clock = "today", name
    if name in _DAYS:
        back = (now.weekday() - _DAYS.index(name)) % 7
    elif name in {"today", "yesterday"}:
        back = int(name == "yesterday")
    else:
        return None
    day = (now - timedelta(days=back)).replace(tzinfo=None)
    return _in_zone(datetime.fromisoformat(f"{day:%Y-%m-%d}T{(clock or '00:00').zfill(5)}"), now)


def _iso(text: str, now: datetime) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else _in_zone(found, now)


def _in_zone(naive: datetime, now: datetime) -> datetime:
    """The wall's clock in now's zone; a fixed offset means the system's zone.

    The system knows when summer time begins, the offset of now does not.
    """
    key = getattr(now.tzinfo, "key", None)
    return naive.replace(tzinfo=now.tzinfo) if key else naive.astimezone()
