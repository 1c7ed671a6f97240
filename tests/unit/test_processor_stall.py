"""A worker is stalled when lines wait and it takes none; not when there is nothing to take."""

import pytest
from posttrail_processors.stall import Mark, Stall

TP = ("maillog.raw", 0)
FETCHING_NOTHING = Mark(end=100, position=40, taken=40, done=40)
HOLDING_ON = Mark(end=40, position=40, taken=40, done=20)
NEVER_FETCHED = Mark(end=100)


def stalled_after(seconds: float, first: Mark, then: Mark) -> bool:
    stall = Stall(limit=60)
    stall.seen(0, {TP: first})
    return stall.seen(seconds, {TP: then}) == [TP]


@pytest.mark.parametrize("mark", [FETCHING_NOTHING, HOLDING_ON, NEVER_FETCHED])
def test_standing_still_while_lines_wait_is_a_stall(mark: Mark) -> None:
    assert stalled_after(60, mark, mark)
    assert not stalled_after(59, mark, mark)


def test_a_worker_that_has_all_may_stand_still() -> None:
    all_done = Mark(end=100, position=100, taken=99, done=99)

    assert not stalled_after(1000, all_done, all_done)


def test_an_idle_worker_has_its_full_time_once_lines_come() -> None:
    idle = Mark(end=40, position=40, taken=40, done=40)

    assert not stalled_after(1000, idle, FETCHING_NOTHING)


@pytest.mark.parametrize(
    "then",
    [
        Mark(end=100, position=41, taken=41, done=40),
        Mark(end=100, position=40, taken=40, done=41),
    ],
)
def test_a_slow_worker_is_not_stalled(then: Mark) -> None:
    assert not stalled_after(1000, Mark(end=100, position=40, taken=40, done=40), then)


def test_time_without_a_broker_does_not_count() -> None:
    stall = Stall(limit=60)
    stall.seen(0, {TP: FETCHING_NOTHING})

    stall.forget()

    assert stall.seen(1000, {TP: FETCHING_NOTHING}) == []


def test_a_partition_that_went_away_is_not_stalled() -> None:
    stall = Stall(limit=60)
    stall.seen(0, {TP: FETCHING_NOTHING})
    stall.seen(30, {})

    assert stall.seen(60, {TP: FETCHING_NOTHING}) == []


@pytest.mark.parametrize(
    ("mark", "lag"),
    [
        (FETCHING_NOTHING, 60),
        (HOLDING_ON, 20),
        (NEVER_FETCHED, 100),
        (Mark(end=100, position=100, taken=99, done=99), 0),
    ],
)
def test_lag_counts_lines_that_are_not_done(mark: Mark, lag: int) -> None:
    assert mark.lag == lag
