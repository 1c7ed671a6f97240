"""A database of an older version, with rows in it, becomes one of this version."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from posttrail_sinks.migrate import _apply, _Backend, migrate

from posttrail.errors import NotReady, Retry
from posttrail.records import NoqueueFact, encode_fact
from tests.making import T0, active, client, delivery, message_id, removed
from tests.old_schema import OLD, old_schema
from tests.tables import Store
from tests.waiting import eventually

pytestmark = pytest.mark.postgres

LAST_OF_OLD = "0004_views"


def execute(dsn: str, statement: str, *values: object) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_what_waited_before_the_upgrade_is_adopted_after_it(dsn: str) -> None:
    there = old_schema(dsn, LAST_OF_OLD)
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
    there = old_schema(dsn, LAST_OF_OLD)
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
    there = old_schema(dsn, LAST_OF_OLD)
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
    there = old_schema(dsn, LAST_OF_OLD)
    with reading_for_long(there), pytest.raises(NotReady, match="pg_stat_activity tells by whom"):
        migrate(dsn, OLD, patience=0)

    assert migrate(dsn, OLD)[0] == "0005_lines"


def test_a_migration_that_dies_before_its_mark_is_applied_once(dsn: str) -> None:
    """The session ends where the crash would hurt most: when all is done but said."""
    there = old_schema(dsn, LAST_OF_OLD)
    execute(
        there,
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'; "
        "CREATE TRIGGER die BEFORE INSERT ON _yoyo_migration EXECUTE FUNCTION die()",
    )
    with pytest.raises(Retry):
        migrate(dsn, OLD)

    execute(there, "DROP TRIGGER die ON _yoyo_migration")
    assert migrate(dsn, OLD)[0] == "0005_lines"


def test_a_migration_may_build_an_index_of_a_whole_table_beside_writers(
    dsn: str, tmp_path: Path
) -> None:
    """Also when an earlier attempt was broken off and has left half an index."""
    (tmp_path / "0001_gaps.sql").write_text(
        "-- transactional: false\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS gaps_of_host ON log_gap (host);\n"
    )
    execute(dsn, "CREATE INDEX gaps_of_host ON log_gap (host)")
    execute(
        dsn, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'gaps_of_host'::regclass"
    )

    with _Backend(dsn, "public") as backend:
        assert _apply(backend, tmp_path, 60) == ["0001_gaps"]
        assert _apply(backend, tmp_path, 60) == []

    with closing(Store(dsn)) as store:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'gaps_of_host'::regclass"
        assert store.ask(valid) == [(True,)]
