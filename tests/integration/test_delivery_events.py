"""maillog.events says what the tables say: in order, through crashes and take-overs."""

import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from posttrail_events import states, switch
from posttrail_events.publisher import Publisher
from posttrail_sinks.erase import erase

from posttrail import config
from posttrail.config import Settings
from posttrail.errors import NotReady, Retry
from posttrail.records import AnyFact, FromFact
from tests.event_world import (
    RECIPIENT,
    SENDER,
    all_is_told,
    attempt,
    mail,
    nothing_waits,
    present,
    published,
    publishing,
    statuses,
)
from tests.program import PROGRAM, environment, run, run_well
from tests.stories import START, short_id, town
from tests.tables import Store
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def settings(kafka: str, prefix: str, dsn: str) -> Settings:
    return config.load(kafka={"bootstrap": kafka, "prefix": prefix}, postgres={"dsn": dsn})


@pytest.fixture
def off(dsn: str) -> Iterator[Store]:
    with closing(Store(dsn)) as store:
        yield store


@pytest.fixture
def store(off: Store, dsn: str) -> Store:
    """The tables, with delivery events switched on."""
    switch.on(dsn, None)
    return off


def test_a_mail_is_told_from_queued_to_deferred_to_sent(settings: Settings, store: Store) -> None:
    steps: list[AnyFact] = [
        mail(1, sender=SENDER, size=500, nrcpt=1, status="queued"),
        attempt(2, "deferred", dsn="4.2.2", response="mailbox full"),
        attempt(300, "sent", dsn="2.0.0", response="ok", next_queue_id="4Q1"),
        mail(301, status="removed"),
    ]
    with publishing(settings):
        for fact in steps:
            store.write([fact])
            eventually(lambda: nothing_waits(store))

    records = published(settings)
    last = {event.recipient: event for event in present(settings).values()}
    assert statuses(records, of_recipient=False) == ["queued", "removed"]
    assert statuses(records, of_recipient=True) == ["deferred", "sent"]
    assert (last[RECIPIENT].sender, last[RECIPIENT].attempts) == (SENDER, 2)
    assert all_is_told(settings, store)


def test_a_mail_that_turns_out_to_be_older_leaves_a_tombstone(
    settings: Settings, store: Store
) -> None:
    """The line that opened a mail of a short id comes last: the mail's birth is another one."""
    common: dict[str, Any] = {
        "queue_id": short_id(START + 20, 7), "host": "mx1", "instance": "postfix",
    }  # fmt: skip
    opener = FromFact(
        t=START + 40, origin=(0, 1), component="smtpd", client_name="a.example.com", **common
    )
    later = FromFact(
        t=START + 3_000_000, origin=(0, 2), component="qmgr", sender=SENDER, size=1, **common
    )
    with publishing(settings):
        store.write([later])
        eventually(lambda: nothing_waits(store))
        store.write([opener])
        eventually(lambda: nothing_waits(store))

    records = published(settings)
    assert len({record.key for record in records}) == 2
    assert None in {record.event for record in records}
    assert all_is_told(settings, store)


def test_a_town_is_told_as_it_stands(settings: Settings, store: Store) -> None:
    rng = random.Random(11)
    facts = [fact for each in town(rng) for fact in each.facts]
    rng.shuffle(facts)
    with publishing(settings):
        for at in range(0, len(facts), 5):
            store.write(facts[at : at + 5])
        eventually(lambda: nothing_waits(store))

    assert all_is_told(settings, store)


def test_what_a_recipient_s_record_says_of_the_mail_follows_the_mail(
    settings: Settings, store: Store
) -> None:
    with publishing(settings):
        store.write([attempt(2, "sent")])
        eventually(lambda: nothing_waits(store))
        store.write([mail(1, sender=SENDER)])
        eventually(lambda: nothing_waits(store))

    assert all_is_told(settings, store)


def test_lines_that_change_nothing_are_not_told(settings: Settings, store: Store) -> None:
    facts: list[AnyFact] = [mail(1, sender=SENDER, status="queued"), attempt(2, "sent")]
    store.write(facts)
    marks = store.ask("SELECT count(*) FROM event_change")
    store.write(facts)

    assert store.ask("SELECT count(*) FROM event_change") == marks


def test_rows_that_are_erased_leave_a_tombstone(settings: Settings, store: Store) -> None:
    with publishing(settings):
        store.write([mail(1, sender=SENDER), attempt(2, "sent")])
        eventually(lambda: nothing_waits(store))
        store.ask("WITH gone AS (DELETE FROM delivery_to RETURNING 1) SELECT * FROM gone")
        store.ask("WITH gone AS (DELETE FROM delivery_from RETURNING 1) SELECT * FROM gone")
        eventually(lambda: nothing_waits(store))

    assert len({record.key for record in published(settings)}) == 2
    assert present(settings) == {}


def test_who_is_erased_is_told_of_no_more(settings: Settings, store: Store, dsn: str) -> None:
    gone_by = datetime.now(UTC) + timedelta(days=30)
    with publishing(settings):
        store.write(
            [mail(1, sender=SENDER), attempt(2, "sent"), attempt(3, "sent", recipient="c@d")]
        )
        eventually(lambda: nothing_waits(store))
        erase(dsn, RECIPIENT, gone_by, dry_run=False)
        erase(dsn, SENDER, gone_by, dry_run=False)
        eventually(lambda: nothing_waits(store))

    left = present(settings).values()
    assert {event.recipient for event in left} == {None, "c@d"}
    assert SENDER not in repr(left)
    assert all_is_told(settings, store)


def test_a_worker_that_is_killed_loses_nothing(settings: Settings, store: Store) -> None:
    env = environment(
        KAFKA__BOOTSTRAP=settings.kafka.bootstrap,
        KAFKA__PREFIX=settings.kafka.prefix,
        POSTGRES__DSN=settings.postgres.dsn.get_secret_value(),
    )
    for seed in range(2):
        facts = [fact for each in town(random.Random(seed)) for fact in each.facts]
        worker = subprocess.Popen([*PROGRAM, "events"], env=env, stderr=subprocess.DEVNULL)
        try:
            store.write(facts[:10])
            eventually(lambda: nothing_waits(store))
            for at in range(10, len(facts), 10):
                store.write(facts[at : at + 10])
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait(10)
    with publishing(settings):
        eventually(lambda: nothing_waits(store))

    assert all_is_told(settings, store)


def test_of_two_workers_one_publishes_and_the_other_takes_over(
    settings: Settings, store: Store
) -> None:
    with publishing(settings) as first:
        eventually(lambda: first.health().detail["publishes"])
        with publishing(settings) as second:
            store.write([mail(1, sender=SENDER)])
            eventually(lambda: nothing_waits(store))
            assert first.health().detail == {"publishes": True, "published": 1}
            assert second.health().detail == {"publishes": False, "published": 0}
            assert first._connection is not None
            end_session(settings, first._connection.info.backend_pid)
            store.write([mail(2, status="removed")])
            eventually(lambda: nothing_waits(store))

    assert statuses(published(settings), of_recipient=False)[-1] == "removed"
    assert all_is_told(settings, store)


def end_session(settings: Settings, pid: int) -> None:
    with (
        closing(psycopg2.connect(config.dsn(settings))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_frozen_worker_cannot_publish_an_old_state_after_a_newer_one(
    settings: Settings, store: Store
) -> None:
    frozen = Publisher(settings)
    connection = frozen._connected()
    assert frozen._take_over(connection)
    store.write([attempt(1, "deferred")])
    old = states.changed(connection)
    end_session(settings, connection.info.backend_pid)
    store.write([attempt(2, "sent")])
    with publishing(settings):
        eventually(lambda: nothing_waits(store))

    with pytest.raises(Retry, match="fenced"):
        frozen._publish(old)

    frozen._close()
    assert all_is_told(settings, store)


def test_while_events_are_off_nothing_is_marked_and_no_worker_starts(
    settings: Settings, off: Store, dsn: str
) -> None:
    off.write([mail(1, sender=SENDER)])

    assert nothing_waits(off)
    assert off.ask("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^events_'") == [(0,)]
    with pytest.raises(NotReady, match="posttrail events on"):
        Publisher(settings).run(None)  # type: ignore[arg-type]  # it does not come to wait


def test_mails_that_are_there_already_are_told_when_asked_for(
    settings: Settings, off: Store, dsn: str
) -> None:
    off.write([mail(1, sender=SENDER), attempt(2, "sent")])

    assert switch.on(dsn, datetime.fromtimestamp(START / 1e6 + 60, UTC)) == 0
    assert switch.on(dsn, datetime.fromtimestamp(START / 1e6 - 60, UTC)) == 1
    with publishing(settings):
        eventually(lambda: nothing_waits(off))

    assert all_is_told(settings, off)


def test_the_commands_switch_events_on_and_off(settings: Settings, off: Store, dsn: str) -> None:
    env = environment(POSTGRES__DSN=dsn, KAFKA__BOOTSTRAP=settings.kafka.bootstrap)

    assert "0 mails" in run_well("events", "on", "--since", "3d", env=env)
    off.write([mail(1, sender=SENDER)])
    assert not nothing_waits(off)
    run_well("events", "off", env=env)
    assert nothing_waits(off)
    assert run("events", "on", "--since", "soon", env=env).returncode == 4
