"""The schema: migrations, day partitions, roles."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import psycopg2
import pytest
from posttrail_sinks import partitions
from posttrail_sinks.migrate import make_roles, migrate
from posttrail_sinks.upkeep import keep_up
from psycopg2 import errors

from posttrail.identity import SECOND
from tests.fix_postgres import execute
from tests.making import T0, client, delivery
from tests.tables import Store

pytestmark = pytest.mark.postgres
PARENTS = ("delivery_from", "delivery_to", "noqueue")


def _ask(dsn: str, question: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def test_migrating_again_changes_nothing(dsn: str) -> None:
    assert migrate(dsn) == []


def test_two_migrations_at_once_are_one(dsn: str) -> None:
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: migrate(dsn, "other"), range(3)))

    assert [len(names) > 0 for names in sorted(found)] == [False, False, True]


def test_the_tables_stand_in_any_schema_and_keep_apart(dsn: str) -> None:
    migrate(dsn, "shadow")
    with closing(Store(f"{dsn} options='-c search_path=shadow,pg_temp'")) as shadow:
        shadow.write([client(0.5)])

    assert _ask(dsn, "SELECT count(*) FROM shadow.delivery_from") == [(1,)]
    assert _ask(dsn, "SELECT count(*) FROM public.delivery_from") == [(0,)]
    days = (
        "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'noqueue_20261118'"
    )
    assert _ask(dsn, days) == [("shadow",)]


def test_a_row_of_any_day_finds_its_partition(dsn: str) -> None:
    with closing(Store(dsn)) as store:
        for days in (0, -1, -365 * 7):
            store.write([client(0.5 + 86_400 * days)])

    names = _ask(dsn, "SELECT tableoid::regclass::text FROM delivery_from ORDER BY born")
    assert names == [
        ("delivery_from_20191120",), ("delivery_from_20261117",), ("delivery_from_20261118",),
    ]  # fmt: skip


def test_partitions_are_made_from_yesterday_to_a_week_ahead(dsn: str) -> None:
    with closing(Store(dsn)) as store, store.connection.cursor() as cursor:
        assert partitions.ensure_ahead(cursor, T0) == 9 * len(PARENTS)
        assert partitions.ensure_ahead(cursor, T0) == 0


def test_two_sinks_make_the_same_partition_at_once(dsn: str) -> None:
    def write(n: int) -> None:
        with closing(Store(dsn)) as store:
            store.write([client(0.5, host=f"mx{n}")])

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(4)))

    assert _ask(dsn, "SELECT count(*) FROM delivery_from") == [(4,)]


def test_old_partitions_are_dropped_and_young_ones_stay(dsn: str) -> None:
    with closing(Store(dsn)) as store:
        store.write([client(0.5), client(0.5 - 86_400), client(0.5 - 2 * 86_400)])
        with store.connection, store.connection.cursor() as cursor:
            dropped = partitions.drop_older(cursor, date(2026, 11, 18))
            assert partitions.drop_older(cursor, date(2026, 11, 18)) == []

        left = store.ask("SELECT born::date FROM delivery_from")
    assert dropped == [f"{parent}_{day}" for day in (20261116, 20261117) for parent in PARENTS]
    assert left == [(date(2026, 11, 18),)]


def test_partitions_of_today_cannot_be_dropped(dsn: str) -> None:
    refused = pytest.raises(errors.InvalidParameterValue, match="too young")
    with closing(Store(dsn)) as store, store.connection.cursor() as cursor, refused:
        partitions.drop_older(cursor, date(2100, 1, 1))


def test_a_partition_has_the_indexes_and_settings_of_its_kind(dsn: str) -> None:
    with closing(Store(dsn)) as store:
        store.write([client(0.5)])
    options = _ask(dsn, "SELECT reloptions FROM pg_class WHERE relname = 'delivery_to_20261118'")
    defs, of_parent = (
        _ask(
            dsn,
            "SELECT regexp_replace(indexdef, '.* USING', '') FROM pg_indexes "
            f"WHERE tablename = '{table}' ORDER BY 1",
        )
        for table in ("delivery_from_20261118", "delivery_from")
    )

    assert "fillfactor=90" in str(options)
    assert "autovacuum_vacuum_scale_factor=0.02" in str(options)
    assert defs == of_parent
    assert {
        "btree (born)",
        "btree (lower(sender), born) INCLUDE (sender)",
        "btree (queue_id, host, instance, born)",
        "hash (message_id)",
    } <= {str(row[0]).strip() for row in defs}


@pytest.fixture
def with_roles(dsn: str) -> str:
    make_roles(dsn)
    make_roles(dsn)
    with closing(Store(dsn)) as store:
        store.write([client(0.5), delivery(1)])
    return dsn


def _as(dsn: str, role: str) -> str:
    return f"{dsn} options='-c role={role}'"


def test_a_writer_writes_all_that_a_sink_writes(with_roles: str) -> None:
    with closing(Store(_as(with_roles, "posttrail_writer"))) as store:
        store.write([delivery(86_400 * 3 + 1)])
        keep_up(store.connection, store.writer)
        store.write([client(0.5 + 86_400 * 3), delivery(86_400 * 3 + 1)])

    assert _ask(with_roles, "SELECT count(*) FROM delivery_from") == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE delivery_from", "TRUNCATE delivery_from", "ALTER TABLE noqueue ADD x int",
        "SELECT * FROM noqueue", "SELECT * FROM set_aside", "DELETE FROM noqueue",
        "UPDATE log_gap SET lines = 0", "CREATE TABLE mine (x int)", "DELETE FROM sink_offset",
        "DROP TABLE delivery_from_20261118", "SELECT * FROM delivery_from_20261118",
    ],
)  # fmt: skip
def test_a_writer_can_do_nothing_else(with_roles: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        execute(_as(with_roles, "posttrail_writer"), statement)


def test_a_reader_reads(with_roles: str) -> None:
    found = _ask(_as(with_roles, "posttrail_reader"), "SELECT recipient, status FROM mail")

    assert found == [("a@example.org", "sent")]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM delivery_to", "UPDATE delivery_from SET sender = ''", "DROP VIEW mail",
        "INSERT INTO log_gap VALUES (now(), 0, 0, 0, '', '', 1, '')", "SELECT * FROM short_fact",
        "SELECT make_partitions('{2030-01-01}')", "SELECT drop_partitions('2020-01-01')",
    ],
)  # fmt: skip
def test_a_reader_can_only_read(with_roles: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        execute(_as(with_roles, "posttrail_reader"), statement)


def test_an_owner_migrates(with_roles: str) -> None:
    execute(with_roles, "GRANT CREATE ON DATABASE " + _database(with_roles) + " TO posttrail_owner")

    assert len(migrate(_as(with_roles, "posttrail_owner"), "another")) > 0


def _database(dsn: str) -> str:
    return str(_ask(dsn, "SELECT current_database()")[0][0])


def test_microseconds_are_exact(dsn: str) -> None:
    values = [0, 1, T0 + 1, T0 + 999_999, 4_000_000_000 * SECOND + 123_457]
    with closing(Store(dsn)) as store:
        found = store.ask(
            "SELECT (extract(epoch FROM instant(t)) * 1000000)::bigint FROM unnest(%s) AS t",
            (values,),
        )

    assert [t for (t,) in found] == values
