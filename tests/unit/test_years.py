"""The year of a line that does not say it."""

from datetime import UTC, datetime

import pytest

from posttrail.carriers import Head, split
from posttrail.identity import SECOND
from posttrail.stamps import Stamps, State, not_after
from posttrail.years import Walk, first_year


def head(stamp: str, message: str = "connect from unknown[192.0.2.7]") -> Head:
    found = split(f"{stamp} mx1 postfix/smtpd[7]: {message}")
    assert found is not None
    return found


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def settle(stamps: list[str], year: int | None = 2019) -> list[str | None]:
    """The dates of these lines, `2019-12-31` or None; the first is of this year."""
    state = State() if year is None else State(walk=Walk(year))
    settler = Stamps(state, UTC, zone_given=True, year_given=year is not None)
    found = [settler.settle(head(stamp)) for stamp in stamps]
    return [
        None if one is None else datetime.fromtimestamp(one.t // SECOND, UTC).date().isoformat()
        for one in found
    ]


WALKS = {
    "New Year": (
        ["Dec 31 23:59:59", "Jan  1 00:00:00"],
        ["2019-12-31", "2020-01-01"],
    ),
    "a late line over New Year": (
        ["Dec 31 23:59:59", "Jan  1 00:00:00", "Dec 31 23:59:58", "Jan  1 00:00:01"],
        ["2019-12-31", "2020-01-01", "2019-12-31", "2020-01-01"],
    ),
    "a log that begins with a late line": (
        ["Dec 31 23:59:59", "Jan  1 00:00:00", "Jan  2 00:00:00"],
        ["2019-12-31", "2020-01-01", "2020-01-02"],
    ),
    "a line that is weeks late": (
        ["Nov 27 10:00:00", "Nov  3 10:00:00", "Nov 27 10:00:01"],
        ["2019-11-27", "2019-11-03", "2019-11-27"],
    ),
    "a machine that woke up on the first of January": (
        ["Nov 27 10:00:00", "Jan  1 00:00:07", "Nov 27 10:00:09"],
        ["2019-11-27", "2020-01-01", "2019-11-27"],
    ),
    "one line gone astray": (
        ["Nov 27 10:00:00", "Apr  5 10:00:00", "Nov 27 10:00:09", "Nov 28 00:00:00"],
        ["2019-11-27", "2020-04-05", "2019-11-27", "2019-11-28"],
    ),
    "a silence of months": (
        ["Jan  5 10:00:00", "Sep  5 10:00:00", "Sep  5 10:00:01", "Jan  5 10:00:00"],
        ["2019-01-05", "2019-09-05", "2019-09-05", "2020-01-05"],
    ),
    "a silence of months over New Year": (
        ["Nov 27 10:00:00", "Apr  5 10:00:00", "Apr  5 10:00:01", "Apr  6 10:00:01"],
        ["2019-11-27", "2020-04-05", "2020-04-05", "2020-04-06"],
    ),
    "a line each week, for years": (
        ["Mar  1 00:00:00", "Jun  1 00:00:00", "Sep  1 00:00:00", "Dec  1 00:00:00"] * 2,
        [
            *("2019-03-01", "2019-06-01", "2019-09-01", "2019-12-01"),
            *("2020-03-01", "2020-06-01", "2020-09-01", "2020-12-01"),
        ],
    ),
    "a line that states its year": (
        ["Dec 31 23:59:59", "2018 Jan  1 00:00:00", "2019 Dec 31 23:59:59", "Jan  1 00:00:00"],
        ["2019-12-31", "2018-01-01", "2019-12-31", "2020-01-01"],
    ),
    "stamps that say everything, then some that do not": (
        ["2021-12-31T23:00:00Z", "Dec 31 23:59:59", "Jan  1 00:00:00"],
        ["2021-12-31", "2021-12-31", "2022-01-01"],
    ),
    "a leap day": (
        ["Dec 31 23:59:59", "Feb 28 10:00:00", "Feb 29 10:00:00", "Mar  1 10:00:00"],
        ["2019-12-31", "2020-02-28", "2020-02-29", "2020-03-01"],
    ),
    "a leap day in a year that has none": (
        ["Feb 28 10:00:00", "Feb 29 10:00:00", "Mar  1 10:00:00"],
        ["2019-02-28", None, "2019-03-01"],
    ),
}


@pytest.mark.parametrize("name", WALKS)
def test_years_follow_from_the_first(name: str) -> None:
    stamps, dates = WALKS[name]
    assert settle(stamps) == dates


def test_no_line_is_of_the_future() -> None:
    """A machine without a clock of its own wakes up on the first of January, then learns better."""
    written = ["Aug  5 10:00:00", "Jan  1 00:00:07", "Jan  1 00:00:08", "Aug  5 10:03:00"]
    settler = Stamps(State(walk=Walk(2019)), UTC, not_after=instant("2019-08-05"))
    found = [settler.settle(head(stamp)) for stamp in written]
    dates = [datetime.fromtimestamp(one.t // SECOND, UTC).date() for one in found if one]
    assert [date.isoformat() for date in dates] == [
        "2019-08-05", "2019-01-01", "2019-01-01", "2019-08-05",
    ]  # fmt: skip


def test_without_any_year_nothing_is_settled() -> None:
    assert settle(["Nov 27 10:00:00"], year=None) == [None]


def test_stamps_that_state_the_year_need_no_other() -> None:
    assert settle(["2021 Dec 31 23:59:59", "Jan  1 00:00:00"], year=None) == [
        "2021-12-31",
        "2022-01-01",
    ]


def test_the_state_goes_on_in_mid_file() -> None:
    """A reader that starts again between any two lines settles the same."""
    for stamps, dates in WALKS.values():
        state, found = State(walk=Walk(2019)), []
        for stamp in stamps:
            settler = Stamps(state, UTC, zone_given=True, year_given=True)
            one = settler.settle(head(stamp))
            found.append(one and datetime.fromtimestamp(one.t // SECOND, UTC).date().isoformat())
            state = settler.state
        assert found == dates


LONG_ID = "47NQzY13DbzNWNQG"  # 2019-11-27 16:22:49.149375 UTC
SURVEYS = {
    "the file's time": (["Nov 27 16:00:00"], "2019-12-03", (2019, "file time")),
    "the file's time, next year": (["Nov 27 16:00:00"], "2020-03-03", (2019, "file time")),
    "a clock a little ahead of the file's time": (
        ["Nov 27 16:00:00"],
        "2019-11-27",
        (2019, "file time"),
    ),
    "the last line counts, not the first": (
        ["Mar 27 16:00:00", "Nov 27 16:00:00", "Dec 31 10:00:00", "Feb  1 10:00:00"],
        "2020-02-01",
        (2019, "file time"),
    ),
    "two New Years": (
        [
            "Dec 27 16:00:00",
            "Jan  1 10:00:00",
            "Jun 1 10:00:00",
            "Dec  1 10:00:00",
            "Jan 1 10:00:00",
        ],
        "2020-02-01",
        (2018, "file time"),
    ),
    "a leap day says more than the file's time": (
        ["Feb 28 16:00:00", "Feb 29 16:00:00", "Mar 1 10:00:00"],
        "2023-06-01",
        (2020, "file time"),
    ),
    "a line with a year": (
        ["Dec 31 16:00:00", "2018 Jan  1 16:00:00"],
        "2023-06-01",
        (2017, "stamp"),
    ),
    "a line with year and zone": (
        ["Dec 31 16:00:00", "2018-01-01T00:00:00Z"],
        "2023-06-01",
        (2017, "stamp"),
    ),
    "an empty log": ([], "2023-06-01", (2023, "file time")),
}


@pytest.mark.parametrize("name", SURVEYS)
def test_the_first_year_is_found(name: str) -> None:
    stamps, modified, expected = SURVEYS[name]
    assert first_year(map(head, stamps), instant(modified)) == expected


def test_a_long_queue_id_tells_the_year() -> None:
    heads = [
        head("Nov 27 16:22:48"),
        head("Nov 27 16:22:49", f"{LONG_ID}: client=mail.example.com[192.0.2.7]"),
    ]
    assert first_year(heads, instant("2026-11-24")) == (2019, "queue id")


def test_a_long_queue_id_behind_new_year_counts_back_to_the_first_line() -> None:
    heads = [
        head("Nov 27 16:22:48"),
        head("Jan  1 16:22:48"),
        head("Jun  1 16:22:48"),
        head("Nov 27 16:22:49", f"{LONG_ID}: client=mail.example.com[192.0.2.7]"),
    ]
    assert first_year(heads, instant("2026-11-24")) == (2018, "queue id")


def test_a_strangers_text_is_no_queue_id() -> None:
    texts = [
        f"connect from {LONG_ID}: client=x[192.0.2.7]",
        "ZZZZZZZZZZZzBB: client=x[192.0.2.7]",  # born in the far future
        f"{LONG_ID}: message-id=<client=1@example.com>",  # may be logged days later
    ]
    heads = [head("Nov 27 16:22:49", message) for message in texts]
    assert first_year(heads, instant("2021-01-01")) == (2020, "file time")


@pytest.mark.parametrize(
    ("stamp", "received", "expected"),
    [
        ("Nov 27 16:22:49", "2019-11-27T16:22:50", "2019-11-27T16:22:49"),
        ("Dec 31 23:59:59", "2020-01-01T00:00:01", "2019-12-31T23:59:59"),
        ("Jan  1 00:00:10", "2019-12-31T23:59:59", "2020-01-01T00:00:10"),
        ("2018 Nov 27 16:22:49", "2019-11-27T16:22:50", "2018-11-27T16:22:49"),
        ("Feb 29 16:22:49", "2019-11-27T16:22:50", None),
    ],
)
def test_the_time_of_receipt_bounds_a_line(stamp: str, received: str, expected: str | None) -> None:
    written = head(stamp).stamp
    assert written is not None
    found = not_after(written, instant(received), UTC)
    assert found == (None if expected is None else instant(expected))
