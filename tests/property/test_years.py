"""Any log that real clocks can write gets its true times back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from posttrail.carriers import Head, split
from posttrail.identity import SECOND
from posttrail.stamps import Settled, Stamps, State, not_after, rfc3339
from posttrail.years import Walk, first_year

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(1999, 1, 1, tzinfo=UTC)


def head(at: datetime) -> Head:
    found = split(f"{at:%b} {at.day:2} {at:%H:%M:%S} mx1 postfix/qmgr[7]: 0123456789: removed")
    assert found is not None
    return found


@st.composite
def logs(draw: st.DrawFn) -> list[datetime]:
    """Times of lines in the order of writing: silences of up to 90 days, lines up to 4 min late."""
    now = START + timedelta(seconds=draw(st.integers(0, 40 * 366 * 86400)))
    times: list[datetime] = []
    for _ in range(draw(st.integers(1, 30))):
        silence = draw(st.sampled_from([0, 1, 60, 86400, 30 * 86400, 89 * 86400]))
        now += timedelta(seconds=draw(st.integers(0, silence)))
        late = 0 if not times else draw(st.sampled_from([0, 0, 0, 2, 240]))
        times.append(now - timedelta(seconds=late))
    return times


def settled(state: State, times: list[datetime]) -> list[Settled | None]:
    settler = Stamps(state, UTC, zone_given=True, year_given=True)
    return [settler.settle(head(at)) for at in times]


def micros(times: list[datetime]) -> list[int]:
    return [int(at.timestamp()) * SECOND for at in times]


@given(logs())
def test_the_first_year_gives_all_years(times: list[datetime]) -> None:
    found = settled(State(walk=Walk(times[0].year)), times)
    assert [one and one.t for one in found] == micros(times)


@given(logs())
def test_the_files_time_gives_all_years(times: list[datetime]) -> None:
    modified = micros([max(times)])[0]
    year, _ = first_year(map(head, times), modified)
    found = settled(State(walk=Walk(year)), times)
    assert [one and one.t for one in found] == micros(times)


@given(logs(), st.data())
def test_reading_may_stop_and_go_on_anywhere(times: list[datetime], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(times)))
    state = State(walk=Walk(times[0].year))
    first = Stamps(state, BERLIN)
    found = [first.settle(head(at)) for at in times[:cut]]
    second = Stamps(first.state, BERLIN)
    found += [second.settle(head(at)) for at in times[cut:]]
    whole = Stamps(state, BERLIN)
    assert found == [whole.settle(head(at)) for at in times]


@given(logs())
def test_a_zone_with_summer_time_gives_the_true_instants(times: list[datetime]) -> None:
    local = [at.astimezone(BERLIN) for at in times]
    settler = Stamps(State(walk=Walk(local[0].year)), BERLIN)
    for at, one in zip(local, [settler.settle(head(at)) for at in local], strict=True):
        assert one is not None
        twice = at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
        assert twice or one.t == int(at.timestamp()) * SECOND


@given(st.integers(0, 80 * 366 * 86400), st.integers(0, 360 * 86400))
def test_the_time_of_receipt_is_bound_enough(seconds: int, later: int) -> None:
    at = START + timedelta(seconds=seconds)
    stamp = head(at).stamp
    assert stamp is not None
    received = micros([at + timedelta(seconds=later)])[0]
    assert not_after(stamp, received, UTC) == micros([at])[0]


@given(st.integers(0, 80 * 366 * 86400 * SECOND), st.integers(-48, 56))
def test_a_written_stamp_reads_the_same(t: int, quarters: int) -> None:
    text = rfc3339(Settled(t, quarters * 900), micros=True)
    found = split(f"{text} mx1 postfix/qmgr[7]: x")
    assert found is not None
    assert found.t == t
