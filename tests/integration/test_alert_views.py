"""The views that wake an administrator, each with rows that make it speak."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import psycopg2
import pytest
from posttrail_answers.alerts import Destination, LogGaps, Silence, alerts
from posttrail_answers.watch import look, show
from posttrail_events import switch
from posttrail_sinks.migrate import make_roles
from posttrail_sinks.upkeep import keep_up
from prometheus_client import REGISTRY

from posttrail import config
from posttrail.identity import SECOND
from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact
from tests.fix_postgres import execute
from tests.tables import Store

pytestmark = pytest.mark.postgres
_numbers = count(1)


class Recent(Store):
    """A store whose clock is the server's."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.now = time.time_ns() // 1000

    def fact(self, kind: Any, ago_s: float, **fields: Any) -> AnyFact:
        """A fact so many seconds ago, of a mail of its own that was born then."""
        number = next(_numbers)
        t = self.now - round(ago_s * SECOND) + number
        given = {"host": "mx1", "t": t, "origin": (0, number)}
        if kind is not GapFact:
            given["instance"] = "postfix"
        if kind in (FromFact, ToFact):
            given["queue_id"] = f"{t % SECOND:05X}{number:04X}"
        made: AnyFact = kind(**(given | fields))
        return made

    def mail(self, ago_s: float, **fields: Any) -> FromFact:
        found = self.fact(FromFact, ago_s, component="smtpd", client_name="c.example", **fields)
        assert isinstance(found, FromFact)
        return found

    def delivery(self, ago_s: float, status: str, recipient: str, **fields: Any) -> list[AnyFact]:
        mail = self.mail(ago_s)
        given: dict[str, Any] = {"queue_id": mail.queue_id, "component": "smtp", "t": mail.t + 1}
        return [
            mail,
            self.fact(ToFact, 0, status=status, recipient=recipient, **(given | fields)),
        ]


@pytest.fixture
def store(dsn: str) -> Iterator[Recent]:
    with closing(Recent(dsn)) as opened:
        yield opened


def past(
    dsn: str, host: str, entries_an_hour: int, *, silent_hours: float, days: float = 8
) -> None:
    """Hours of a host that wrote so much all the time until it fell silent."""
    execute(
        dsn,
        f"""INSERT INTO host_hour
        SELECT '{host}', h, {entries_an_hour}, least(h + interval '59 minutes',
            now() - interval '1 hour' * {silent_hours})
        FROM generate_series(date_trunc('hour', now(), 'UTC') - interval '1 day' * {days},
            now() - interval '1 hour' * {silent_hours}, interval '1 hour') AS h""",
    )


def silent(store: Store) -> list[str]:
    return [host for (host,) in store.ask("SELECT host FROM silent_host ORDER BY host")]


def test_a_host_is_silent_when_it_would_usually_have_written_much(dsn: str, store: Recent) -> None:
    past(dsn, "busy", 100, silent_hours=0.5)
    past(dsn, "quiet", 2, silent_hours=0.5)
    past(dsn, "talking", 100, silent_hours=0.01)
    past(dsn, "new", 100, silent_hours=0.5, days=0.5)

    assert silent(store) == ["busy"]
    ((seconds, usual),) = store.ask(
        "SELECT extract(epoch FROM silent_for), usual_entries FROM silent_host"
    )
    assert 1790 < seconds < 1900
    assert 49 <= usual <= 52


def test_a_quiet_host_is_silent_after_a_longer_time(dsn: str, store: Recent) -> None:
    past(dsn, "quiet", 2, silent_hours=8)
    past(dsn, "gone", 2, silent_hours=70)

    assert silent(store) == ["gone", "quiet"]


def test_a_host_that_rests_on_this_day_of_the_week_is_not_silent(dsn: str, store: Recent) -> None:
    past(dsn, "office", 100, silent_hours=3)
    execute(
        dsn,
        "DELETE FROM host_hour WHERE hour BETWEEN now() - interval '7 days 5 hours' "
        "AND now() - interval '7 days' + interval '1 hour'",
    )

    assert silent(store) == []


def test_sinks_learn_what_hosts_write_and_forget_it_after_eight_days(
    dsn: str, store: Recent
) -> None:
    past(dsn, "old", 5, silent_hours=9 * 24, days=10)
    refusal = store.fact(NoqueueFact, 5, component="smtpd", action="reject", reason="no")
    store.write([store.mail(60), store.mail(30, host="mx2"), store.mail(20), refusal])

    keep_up(store.connection, store.writer)
    keep_up(store.connection, store.writer)

    found = store.ask("SELECT host, sum(entries)::int FROM host_hour GROUP BY host ORDER BY host")
    assert found == [("mx1", 3), ("mx2", 1)]
    ((seconds,),) = store.ask(
        "SELECT extract(epoch FROM silent_for) FROM host_silence WHERE host = 'mx2'"
    )
    assert 30 <= seconds < 60


def test_a_destination_that_defers_is_named(store: Recent) -> None:
    facts = [
        *store.delivery(60, "deferred", "a@Slow.Example", response="451 later"),
        *store.delivery(90, "deferred", "b@slow.example", response="451 earlier"),
        *store.delivery(60, "sent", "c@slow.example"),
        *store.delivery(60, "sent", "d@fast.example"),
        *store.delivery(7 * 3600, "deferred", "e@old.example"),
    ]
    store.write(facts)

    found = store.ask("SELECT domain, deferred, ended, response FROM deferred_destination")

    assert found == [("slow.example", 2, 1, "451 later")]


def test_a_login_from_many_networks_is_named(store: Recent) -> None:
    def login(name: str, address: str, ago_s: float = 60) -> FromFact:
        return store.mail(ago_s, sasl_username=name, client_addr=address)

    store.write(
        [login("stolen@example.com", f"{net}.7") for net in ("192.0.2", "198.51.100", "203.0.113")]
        + [login("stolen@example.com", "2001:db8:1::1"), login("stolen@example.com", "192.0.2.8")]
        + [login("at-home@example.com", "192.0.2.9"), login("at-home@example.com", "192.0.2.9")]
        + [login("traveller@example.com", "192.0.2.1"),
           login("traveller@example.com", "198.51.100.1", 7200)]
    )  # fmt: skip

    found = store.ask("SELECT sasl_username, addresses, networks FROM login_spread")

    assert found == [("stolen@example.com", 5, 4)]


def gap(store: Recent, ago_s: float, lines: int | None) -> AnyFact:
    return store.fact(GapFact, ago_s, source="journal", lines=lines, reason="suppressed")


def test_gaps_of_the_last_hour_are_named(store: Recent) -> None:
    store.write([gap(store, 60, 40), gap(store, 120, None), gap(store, 7200, 5)])

    found = store.ask("SELECT host, source, gaps, lines, of_unknown_size FROM recent_gap")

    assert found == [("mx1", "journal", 2, 40, 1)]


def test_lines_that_wait_for_their_opener_are_counted(store: Recent) -> None:
    store.write(
        [store.fact(ToFact, 60, component="smtp", status="sent", recipient="a@example.com")]
    )

    assert store.ask("SELECT bundles, oldest IS NOT NULL FROM waiting_short_id") == [(1, True)]


def test_changes_that_nobody_publishes_pile_up_in_sight(dsn: str, store: Recent) -> None:
    make_roles(dsn)
    with closing(psycopg2.connect(f"{dsn} options='-c role=posttrail_reader'")) as opened:
        show(alerts(opened))
        assert metric("posttrail_watch_event_marks") == 0
        assert metric("posttrail_watch_event_marks_seconds") == 0

        switch.on(dsn, None)
        store.write([store.mail(60), store.mail(30)])
        execute(dsn, "UPDATE event_change SET marked = now() - interval '1 hour'")
        opened.rollback()
        show(alerts(opened))

    assert metric("posttrail_watch_event_marks") == 2
    assert 3600 <= (metric("posttrail_watch_event_marks_seconds") or 0) < 3660


def metric(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_reader_sees_all_of_it_and_the_metrics_show_it(dsn: str, store: Recent) -> None:
    make_roles(dsn)
    past(dsn, "busy", 100, silent_hours=0.5)
    store.write([*store.delivery(60, "deferred", "a@slow.example"), gap(store, 60, 40)])

    with closing(psycopg2.connect(f"{dsn} options='-c role=posttrail_reader'")) as opened:
        found = alerts(opened)
    show(found)

    (silence,) = found.silences
    assert isinstance(silence, Silence)
    assert found.destinations == (Destination("slow.example", 1, 0),)
    assert found.gaps == (LogGaps("mx1", "journal", 1, 40),)
    assert metric("posttrail_watch_usual_entries", host="busy") == silence.usual_entries
    assert metric("posttrail_watch_deferred_recipients", domain="slow.example") == 1
    assert metric("posttrail_watch_gap_lines", host="mx1", source="journal") == 40


def test_what_is_over_goes_from_the_metrics(store: Recent) -> None:
    store.write(store.delivery(60, "deferred", "a@slow.example"))
    show(alerts(store.connection))
    store.empty()

    show(alerts(store.connection))

    assert metric("posttrail_watch_deferred_recipients", domain="slow.example") is None


@pytest.mark.kafka
def test_a_look_shows_what_waits(kafka: str, prefix: str, dsn: str) -> None:
    given = config.load(kafka={"bootstrap": kafka, "prefix": prefix}, postgres={"dsn": dsn})

    look(given)

    assert metric("posttrail_watch_waiting_records", stage="sink") == 0
    assert metric("posttrail_watch_dead_records") == 0
    assert time.time() - (metric("posttrail_watch_timestamp_seconds") or 0) < 60


def plans(dsn: str, question: str) -> str:
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; EXPLAIN " + question)
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize("view", ["deferred_destination", "login_spread"])
def test_a_view_reads_only_the_last_days_by_their_index(dsn: str, store: Recent, view: str) -> None:
    for days in range(0, 40, 2):
        store.write(store.delivery(days * 86_400 + 60, "deferred", "a@example.org"))

    plan = plans(dsn, f"SELECT * FROM {view}")

    read = {word for word in plan.split() if word.startswith("delivery_") and word[-8:].isdigit()}
    assert 0 < len(read) <= 12  # today's, and those made ahead
    assert "Bitmap Index Scan" in plan
