"""Zone and clock changes of stamps that say neither."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from posttrail.carriers import Head, split
from posttrail.errors import BadInput
from posttrail.identity import SECOND
from posttrail.stamps import Settled, Stamps, State, rfc3339, zone_named
from posttrail.years import Walk

BERLIN = ZoneInfo("Europe/Berlin")
LONG_ID = "47NQzY13DbzNWNQG"  # 2019-11-27 16:22:49.149375 UTC
CLIENT = f"{LONG_ID}: client=mail.example.com[192.0.2.7]"


def head(stamp: str, message: str = "connect") -> Head:
    found = split(f"{stamp} mx1 postfix/smtpd[7]: {message}")
    assert found is not None
    return found


def texts(settler: Stamps, heads: list[Head]) -> list[str]:
    """The stamps as RFC 3339."""
    found = [settler.settle(one) for one in heads]
    return [rfc3339(one, micros=False) for one in found if one is not None]


def stamps(year: int = 2019, zone: ZoneInfo = BERLIN, **given: bool) -> Stamps:
    return Stamps(State(walk=Walk(year)), zone, **given)


CLOCK_CHANGES = {
    "summer ends: the hour comes twice": (
        ["Oct 27 02:59:59", "Oct 27 02:00:00", "Oct 27 02:30:00", "Oct 27 03:00:00"],
        ["02:59:59+02:00", "02:00:00+01:00", "02:30:00+01:00", "03:00:00+01:00"],
    ),
    "a late line in the second hour": (
        ["Oct 27 02:59:59", "Oct 27 02:00:01", "Oct 27 02:59:58", "Oct 27 02:00:02"],
        ["02:59:59+02:00", "02:00:01+01:00", "02:59:58+02:00", "02:00:02+01:00"],
    ),
    "a late line in the first hour": (
        ["Oct 27 02:30:00", "Oct 27 02:28:00", "Oct 27 02:30:01"],
        ["02:30:00+02:00", "02:28:00+02:00", "02:30:01+02:00"],
    ),
    "a log that begins in that hour": (["Oct 27 02:30:00"], ["02:30:00+02:00"]),
    "summer begins": (
        ["Mar 31 01:59:59", "Mar 31 03:00:00"],
        ["01:59:59+01:00", "03:00:00+02:00"],
    ),
}


@pytest.mark.parametrize("name", CLOCK_CHANGES)
def test_clocks_change(name: str) -> None:
    written, expected = CLOCK_CHANGES[name]
    found = texts(stamps(), [head(stamp) for stamp in written])
    assert [text.partition("T")[2] for text in found] == expected


def test_a_reader_that_starts_again_in_the_hour_that_comes_twice_goes_on_the_same() -> None:
    written, expected = CLOCK_CHANGES["summer ends: the hour comes twice"]
    state, found = State(walk=Walk(2019)), []
    for stamp in written:
        settler = Stamps(state, BERLIN)
        found += texts(settler, [head(stamp)])
        state = settler.state
    assert [text.partition("T")[2] for text in found] == expected


def test_a_long_queue_id_tells_the_zone() -> None:
    settler = stamps(zone=ZoneInfo("UTC"))
    lines = [head("Nov 27 17:22:49", CLIENT), head("Nov 27 17:22:50")]
    assert texts(settler, lines) == ["2019-11-27T17:22:49+01:00", "2019-11-27T17:22:50+01:00"]


def test_what_the_user_says_beats_a_queue_id() -> None:
    settler = stamps(zone=ZoneInfo("UTC"), zone_given=True)
    assert texts(settler, [head("Nov 27 17:22:49", CLIENT)]) == ["2019-11-27T17:22:49+00:00"]
    settler = stamps(2018, year_given=True, zone_given=True)
    assert texts(settler, [head("Nov 27 17:22:49", CLIENT)]) == ["2018-11-27T17:22:49+01:00"]


def test_a_queue_id_beats_a_year_that_was_only_found() -> None:
    assert texts(stamps(2015), [head("Nov 27 17:22:49", CLIENT)]) == ["2019-11-27T17:22:49+01:00"]


def test_a_mail_that_is_named_long_after_its_birth_tells_no_zone() -> None:
    settler = stamps()
    lines = [head("Nov 27 19:33:49", CLIENT), head("Nov 27 19:33:50")]
    assert texts(settler, lines)[1] == "2019-11-27T19:33:50+01:00"


def test_a_queue_id_tells_the_two_hours_apart() -> None:
    # Born 2019-10-27 01:30:00 UTC: the second half past two in Berlin.
    twice = "4710dh0000z47Q"
    lines = [head("Oct 27 02:30:00", f"{twice}: client=mail.example.com[192.0.2.7]")]
    assert texts(stamps(), lines) == ["2019-10-27T02:30:00+01:00"]


def test_stamps_with_a_zone_need_nothing() -> None:
    settled = Stamps(State()).settle(head("2019-11-27T17:22:49.5+01:00"))
    assert settled is not None
    assert settled.t == int(datetime(2019, 11, 27, 16, 22, 49, 500_000, UTC).timestamp() * SECOND)


def test_an_offset_stays_in_the_text() -> None:
    settled = Settled(1_574_871_769_000_001, -34_200)
    assert rfc3339(settled, micros=True) == "2019-11-27T06:52:49.000001-09:30"
    assert rfc3339(settled, micros=False) == "2019-11-27T06:52:49-09:30"


def test_a_zone_is_named_as_in_the_tz_database() -> None:
    assert zone_named("Europe/Berlin") == BERLIN
    for name in ("Berlin/Europe", "../../etc/passwd", "", "\0"):
        with pytest.raises(BadInput, match="Europe/Berlin"):
            zone_named(name)
