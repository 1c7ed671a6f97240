"""The short ways of making lines canonical give what the long way gives, for any log."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from posttrail_producers.canonical import Canonical
from posttrail_producers.source import Record

from posttrail.identity import SECOND
from posttrail.stamps import Stamps, State, zone_named
from posttrail.years import Walk

YEAR = 2026
# Clocks are turned by an hour, by half an hour at half past one, never.
BEGINS = {
    "Europe/Berlin": ("2026-03-29T00:58:00", "2026-10-25T01:58:00"),
    "Australia/Lord_Howe": ("2026-04-05T01:20:00", "2026-10-04T01:58:00"),
    "UTC": ("2026-12-31T23:58:00", "2026-02-28T23:59:50"),
}
DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
SHAPES = (
    "{bsd} mx1 postfix/qmgr[7]: 0123456789: removed",
    "{bsd} mx2 postfix/qmgr[7]: x",
    "{bsd} mx1 postfix/smtpd[8]: {id}: client=mail.example.com[192.0.2.7]",
    "{bsd} mx1 postfix/pickup[9]: {id}: uid=0 from=<root>",
    "{bsd} mx1 postfix/smtpd[8]: 0123456789A: client=mail.example.com[192.0.2.7]",
    "{bsd} mx1 postfix/smtpd[8]: connect from mail.example.com[192.0.2.7]",
    "{bsd} - postfix/qmgr[7]: no host",
    "{bsd} mx1 postfix/qmgr[7]:  two spaces",
    "{bsd} mx1 last message repeated 2 times",
    "{bsd} mx1 postfix/qmgr[7]: x\r",
    "{bsd}.123 mx1 postfix/qmgr[7]: x",
    "{iso}+00:00 mx1 postfix/qmgr[7]: x",
    "{iso} mx1 postfix/qmgr[7]: no zone",
    "no syslog line",
    "",
)


def queue_id(born: int) -> str:
    """A long queue id of a mail made in this second."""
    digits = ""
    for _ in range(6):
        born, digit = divmod(born, 52)
        digits = DIGITS[digit] + digits
    return digits + "BCDFz7K9Q7"


def text(at: datetime, shape: str, ahead: int) -> bytes:
    bsd = f"{at:%b} {at.day:2} {at:%H:%M:%S}"
    born = int(at.replace(tzinfo=UTC).timestamp()) - ahead
    return shape.format(bsd=bsd, iso=f"{at:%Y-%m-%dT%H:%M:%S}", id=queue_id(born)).encode()


@st.composite
def logs(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Name of a zone, and lines whose stamps mostly go on, around a turn of the clocks."""
    zone = draw(st.sampled_from(sorted(BEGINS)))
    at = datetime.fromisoformat(draw(st.sampled_from(BEGINS[zone])))
    steps = st.sampled_from([0, 0, 0, 1, 1, 7, 60, 600, 3000, 3700, -1, -30, -3600, -90000])
    # How far local time is ahead of the queue ids: the right hours for some zone, or none.
    ahead = st.sampled_from([0, 1, 3600, 7200, 7201, 39600, 37800, 12345])
    lines = []
    for _ in range(draw(st.integers(1, 25))):
        at += timedelta(seconds=draw(steps))
        lines.append(text(at, draw(st.sampled_from(SHAPES)), draw(ahead)))
    return zone, lines


def new(zone: str, given: bool, begin: bool) -> Canonical:
    state = State(walk=Walk(YEAR)) if begin else State()
    last = int(datetime(YEAR, 10, 25, tzinfo=UTC).timestamp()) * SECOND
    stamps = Stamps(
        state,
        zone_named(zone),
        zone_given=given,
        year_given=given,
        not_after=None if given else last,
    )
    return Canonical(stamps, "here", lambda: YEAR)


def long_way(canonical: Canonical, lines: list[bytes]) -> list[Record]:
    made = [canonical._one(line) for line in lines]
    canonical._pass(canonical._untouched)
    return made


@given(log=logs(), given_times=st.booleans(), begin=st.booleans(), cut=st.integers(1, 25))
def test_short_ways_change_nothing(
    log: tuple[str, list[bytes]], given_times: bool, begin: bool, cut: int
) -> None:
    zone, lines = log
    quick, slow = new(zone, given_times, begin), new(zone, given_times, begin)

    found = quick.records(lines[:cut]) + quick.records(lines[cut:])

    assert found == long_way(slow, lines)
    assert quick.stamps.state == slow.stamps.state
