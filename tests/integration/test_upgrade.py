"""A database of an older version, with rows in it, becomes one of this version."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.resources import as_file, files

import psycopg2
import pytest
from posttrail_sinks.migrate import _Backend, migrate
from yoyo import read_migrations

from posttrail.errors import NotReady
from posttrail.records import NoqueueFact, encode_fact
from tests.making import T0, active, client, delivery, message_id, removed
from tests.tables import Store
from tests.waiting import eventually

pytestmark = pytest.mark.postgres

OLD = "old"
LAST_OF_OLD = "0004_views"


def migrate_to_the_old_version(dsn: str) -> None:
    with _Backend(dsn, OLD) as backend, as_file(files("posttrail_sinks") / "migrations") as path:
        backend.init_database()
        every = backend.to_apply(read_migrations(str(path)))
        backend.apply_migrations(every.filter(lambda migration: migration.id <= LAST_OF_OLD))


def execute(dsn: str, statement: str, *values: object) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_what_waited_before_the_upgrade_is_adopted_after_it(dsn: str) -> None:
    migrate_to_the_old_version(dsn)
    there = f"{dsn} options='-c search_path={OLD},pg_temp'"
    waits = delivery(1)
    execute(
        there,
        "INSERT INTO short_fact VALUES (%s, %s, %s, %s, %s, 0, 'to', 1, NULL, %s)",
        waits.queue_id, waits.host, waits.instance, waits.origin[1], waits.origin[0],
        encode_fact(waits).decode(),
    )  # fmt: skip

    applied = migrate(dsn, OLD)

    assert applied[0] == "0005_lines"
    with closing(Store(there)) as store:
        assert store.ask("SELECT kind, born FROM short_fact") == [("to", None)]
        store.write([client(0.5), message_id(0.55), active(0.6), removed(2)])
        assert store.ask("SELECT recipient FROM delivery_to") == [(waits.recipient,)]


def test_a_refusal_from_before_is_not_there_twice_after_the_upgrade(dsn: str) -> None:
    """Stamps in whole seconds: the line is known by its origin, as before."""
    migrate_to_the_old_version(dsn)
    there = f"{dsn} options='-c search_path={OLD},pg_temp'"
    fact = NoqueueFact(
        t=T0, host="mx1", origin=(0, 7), instance="postfix", component="smtpd", action="reject"
    )
    execute(there, "SELECT make_partitions(ARRAY[to_timestamp(%s / 1000000)::date])", fact.t)
    execute(
        there,
        "INSERT INTO noqueue (t, origin_offset, origin_partition, ordinal, ambiguous, host, "
        "instance, component, action) VALUES (to_timestamp(%s / 1000000), %s, %s, 0, false, "
        "%s, %s, %s, %s)",
        fact.t, fact.origin[1], fact.origin[0], fact.host, fact.instance, fact.component,
        fact.action,
    )  # fmt: skip

    migrate(dsn, OLD)

    with closing(Store(there)) as store:
        store.write([fact])
        assert len(store.rows("noqueue")) == 1


@contextmanager
def reading_for_long(dsn: str) -> Iterator[None]:
    """A report that somebody left open."""
    with closing(psycopg2.connect(dsn)) as reader:
        reader.cursor().execute("SELECT count(*) FROM delivery_from")
        yield


def test_nobody_queues_behind_an_upgrade_that_waits(dsn: str) -> None:
    migrate_to_the_old_version(dsn)
    there = f"{dsn} options='-c search_path={OLD},pg_temp'"
    with ThreadPoolExecutor() as pool:
        with reading_for_long(there):
            upgrade = pool.submit(migrate, dsn, OLD)
            eventually(lambda: waits_for_a_lock(dsn))
            execute(there, "SET statement_timeout = '20s'; SELECT count(*) FROM delivery_from")
            assert not upgrade.done()

        assert upgrade.result(60)[0] == "0005_lines"


def waits_for_a_lock(dsn: str) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'posttrail-migrate' AND wait_event_type = 'Lock'"
        )
        return cursor.fetchall() != [(0,)]


def test_an_upgrade_that_waited_for_too_long_changes_nothing_and_says_why(dsn: str) -> None:
    migrate_to_the_old_version(dsn)
    there = f"{dsn} options='-c search_path={OLD},pg_temp'"
    with reading_for_long(there), pytest.raises(NotReady, match="pg_stat_activity tells by whom"):
        migrate(dsn, OLD, patience=0)

    assert migrate(dsn, OLD)[0] == "0005_lines"
