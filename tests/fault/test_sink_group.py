"""Sinks join, leave and are set back at any time: each fact lands once."""

import random
from contextlib import ExitStack

import pytest
from posttrail_sinks.places import AtOffset
from posttrail_sinks.rewind import rewind

from posttrail.config import Settings
from tests.sink_world import (
    ROUNDS,
    Running,
    ids,
    landed,
    mails,
    produce,
    rows,
    running,
    until,
    wait_for_rows,
)

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_sinks_share_the_partitions(sink_settings: Settings, dsn: str) -> None:
    sent = mails(600)
    with (
        running(sink_settings) as one,
        running(sink_settings) as two,
        running(sink_settings) as three,
    ):
        until(lambda: all(0 < len(each.sink.claimed) < 6 for each in (one, two, three)))
        produce(sink_settings, sent)
        wait_for_rows(dsn, 600)

    assert landed(dsn) == ids(sent)


def test_sinks_come_and_go_and_each_fact_lands_once(sink_settings: Settings, dsn: str) -> None:
    dice = random.Random(5)
    working: list[Running] = []
    with ExitStack() as leaving:
        for change in range(ROUNDS):
            produce(sink_settings, mails(200, change * 200))
            if len(working) < 3 and (not working or dice.random() < 0.6):
                working.append(leaving.enter_context(running(sink_settings)))
            else:
                working.pop(dice.randrange(len(working))).stop()
            wait_for_rows(dsn, dice.randrange(change * 200) if change and working else 0)
        if not working:
            leaving.enter_context(running(sink_settings))
        wait_for_rows(dsn, ROUNDS * 200)

    assert landed(dsn) == ids(mails(ROUNDS * 200))


def test_running_sinks_go_on_from_where_a_rewind_put_them(
    sink_settings: Settings, dsn: str
) -> None:
    sent = mails(300)
    produce(sink_settings, sent)
    with running(sink_settings), running(sink_settings):
        wait_for_rows(dsn, 300)

        moved = rewind(sink_settings, AtOffset(20))

        again = sum(before - after for before, after in moved.values() if before is not None)
        assert again == 300 - 6 * 20
        wait_for_rows(dsn, 300 + again)
        until(lambda: rows(dsn, "SELECT sum(next_offset) FROM sink_offset") == [(300,)])

    assert len(landed(dsn)) == 300 + again
    assert set(landed(dsn)) == set(ids(sent))
