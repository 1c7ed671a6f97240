"""Indexes are added to days that are there while sinks write: nobody waits, whatever dies."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg2
import pytest
from posttrail_sinks.migrate import migrate
from posttrail_sinks.readiness import schema

from posttrail.errors import NotReady
from tests.fix_postgres import execute
from tests.making import client, delivery
from tests.program import PROGRAM, environment
from tests.tables import Store
from tests.waiting import eventually

pytestmark = pytest.mark.postgres
DAY = 86_400
DAYS = 3


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    """Mails of some days, and an index that is declared as a migration does it."""
    with closing(Store(dsn)) as made:
        for day in range(DAYS):
            mail_of(made, day)
        execute(dsn, "CREATE INDEX by_relay ON ONLY delivery_to (relay, born) WHERE NOT probe")
        yield made


def mail_of(store: Store, day: int) -> None:
    store.write([client(0.5 + day * DAY), delivery(1 + day * DAY, relay="mx.example.org")])


def built(store: Store) -> list[tuple[bool, int]]:
    """Whether the index is valid as a whole; how many indexes of this kind each day has."""
    return store.ask(
        "SELECT whole.indisvalid, "
        "(SELECT count(*) FROM pg_index AS x WHERE x.indrelid = part.inhrelid AND "
        "pg_get_indexdef(x.indexrelid) LIKE '%(relay, born) WHERE (NOT probe)') "
        "FROM pg_index AS whole JOIN pg_inherits AS part ON part.inhparent = whole.indrelid "
        "WHERE whole.indexrelid = 'by_relay'::regclass ORDER BY part.inhrelid::regclass::text"
    )


def complete(days: int = DAYS) -> list[tuple[bool, int]]:
    return [(True, 1)] * days


@contextmanager
def writing_for_long(dsn: str) -> Iterator[None]:
    """A transaction that writes to the middle day: an index of that day waits for its end."""
    with closing(psycopg2.connect(dsn)) as writer:
        writer.cursor().execute("LOCK TABLE delivery_to_20261119 IN ROW EXCLUSIVE MODE")
        yield


def is_building(store: Store) -> bool:
    question = "SELECT FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'"
    return store.ask(question) != []


def test_sinks_write_while_an_index_is_built(store: Store, dsn: str) -> None:
    """Old days and new ones, in a transaction that may not wait at all."""
    with ThreadPoolExecutor() as pool:
        with writing_for_long(dsn):
            upgrade = pool.submit(migrate, dsn)
            eventually(lambda: is_building(store))
            store.ask("SELECT set_config('statement_timeout', '20s', false)")
            for day in range(DAYS + 2):
                store.write(
                    [client(7 + day * DAY, host="mx2"), delivery(8 + day * DAY, host="mx2")]
                )
            with pytest.raises(NotReady, match="posttrail migrate"):
                schema(dsn)
            assert is_building(store)

        assert upgrade.result(60) == []

    assert built(store) == complete(DAYS + 2)
    assert "migrations applied" in schema(dsn)


def test_a_second_upgrade_waits_for_the_first_and_not_in_its_way(store: Store, dsn: str) -> None:
    with ThreadPoolExecutor() as pool:
        with writing_for_long(dsn):
            first = pool.submit(migrate, dsn)
            eventually(lambda: is_building(store))
            second = pool.submit(migrate, dsn)
            eventually(lambda: sessions(store) == 3)

        assert (first.result(60), second.result(60)) == ([], [])

    assert built(store) == complete()


def sessions(store: Store) -> int:
    """Those of upgrades: one that holds the lock, one that works."""
    name = "application_name = 'posttrail-migrate' AND datname = current_database()"
    return int(store.ask(f"SELECT count(*) FROM pg_stat_activity WHERE {name}")[0][0])


def test_an_upgrade_that_is_killed_while_it_builds_is_finished_by_the_next(
    store: Store, dsn: str
) -> None:
    with writing_for_long(dsn):
        killed = subprocess.Popen(
            [*PROGRAM, "migrate"], env=environment(POSTGRES__DSN=dsn), stdout=subprocess.DEVNULL
        )
        eventually(lambda: is_building(store))
        killed.kill()
        killed.wait()
        eventually(lambda: sessions(store) == 0)
        # The newest day is done, the next one half done.
        assert built(store) == [(False, 0), (False, 1), (False, 1)]

    assert migrate(dsn) == []
    assert built(store) == complete()


def test_what_was_built_but_not_taken_in_is_not_built_again(store: Store, dsn: str) -> None:
    execute(dsn, "CREATE INDEX mine ON delivery_to_20261119 (relay, born) WHERE NOT probe")

    migrate(dsn)

    assert built(store) == complete()
    assert store.ask("SELECT relispartition FROM pg_class WHERE relname = 'mine'") == [(True,)]


def test_a_day_that_is_dropped_while_it_waits_for_its_index_is_left_out(
    store: Store, dsn: str
) -> None:
    with ThreadPoolExecutor() as pool:
        with writing_for_long(dsn):
            upgrade = pool.submit(migrate, dsn)
            eventually(lambda: is_building(store))
            execute(dsn, "DROP TABLE delivery_to_20261118")
        assert upgrade.result(60) == []

    assert built(store) == complete(DAYS - 1)


def test_the_planner_knows_the_values_of_an_index_from_the_first_day(
    store: Store, dsn: str
) -> None:
    execute(dsn, "CREATE INDEX lowered ON ONLY delivery_to (lower(relay), born)")

    migrate(dsn)

    known = store.ask(
        "SELECT count(*) FROM pg_stats WHERE tablename IN (SELECT inhrelid::regclass::text"
        " FROM pg_inherits WHERE inhparent = 'lowered'::regclass) AND attname = 'lower'"
    )
    assert known == [(DAYS,)]
