"""The schema: brings a database to what this version needs, by plain SQL files in order.

Knows no mail and no Kafka. Nothing in the files names a schema: the first one in search_path is
meant, so that a replay can build the same tables beside the live ones.
"""

import contextlib
import warnings
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import NoReturn

import tenacity
from psycopg2 import sql
from psycopg2.errors import DeadlockDetected, LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # on import yoyo asks for a directory that a server has not
    from yoyo import read_migrations
    from yoyo.backends.core.postgresql import PostgresqlBackend
    from yoyo.connections import DatabaseURI
    from yoyo.migrations import Migration, default_migration_table

from posttrail.errors import NotReady
from posttrail_sinks import online_indexes
from posttrail_sinks.database import Cursor, first_connection, understood
from posttrail_sinks.queries import query

PATIENCE_S = 120.0


def _enter(connection: Connection, schema: str) -> None:
    """Make the schema if it is missing, and put it first."""
    name = sql.Identifier(schema)
    with connection.cursor() as cursor:
        cursor.execute(query("schema_exists"), {"schema": schema})
        if cursor.fetchone() is None:  # IF NOT EXISTS asks for the right to make one even so
            cursor.execute(sql.SQL(query("create_schema")).format(schema=name))
        cursor.execute(sql.SQL(query("enter_schema")).format(schema=name))


class _Backend(PostgresqlBackend):  # type: ignore[misc]  # yoyo has no types
    """yoyo on connections that we make: it takes no libpq connection string."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._schema = schema
        super().__init__(
            DatabaseURI("postgresql", "", "", "", None, "", {}), default_migration_table
        )

    def connect(self, _uri: DatabaseURI) -> Connection:
        connection = first_connection(self._dsn, "posttrail-migrate")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query("migration_session"))
        _enter(connection, self._schema)
        return connection

    @contextlib.contextmanager
    def lock(self, timeout: int = 10) -> Iterator[None]:  # noqa: ARG002  # as yoyo calls it
        """Ours is held already. It dies with its holder; the row that is yoyo's would not."""
        yield


def _apply(backend: _Backend, directory: Path, patience: float) -> list[str]:
    """Each with its indexes: the next may drop those that they replace. Returns the names."""
    done = []
    backend.init_database()
    _build_indexes(backend, patience)
    for migration in backend.to_apply(read_migrations(str(directory))):
        _patiently(patience)(_apply_one, backend, migration)
        _build_indexes(backend, patience)
        done.append(migration.id)
    return done


def _apply_one(backend: _Backend, migration: Migration) -> None:
    """With its mark in the same transaction: a crash between the two would have it applied twice.

    One that says `transactional: false` must bear that; its indexes are built anew.
    """
    online_indexes.drop_unfinished(backend.connection)
    with backend.transaction() if migration.use_transactions else contextlib.nullcontext():
        migration.process_steps(backend, "apply")
        backend.mark_one(migration, log=False)
        backend.log_migration(migration, "apply")


def _build_indexes(backend: _Backend, patience: float) -> None:
    for wanted in online_indexes.missing(backend.connection):
        _patiently(patience)(online_indexes.build, backend.connection, wanted)


def migrate(dsn: str, schema: str = "public", patience: float = PATIENCE_S) -> list[str]:
    """Bring the schema up to date; returns the migrations that were missing, in order.

    Two at once are fine: the second waits and finds nothing to do. A table that others use is asked
    for again and again, for so many seconds; they never wait for longer than 2 s. An index on the
    days that are there is built beside them, for as long as it takes.

    Raises:
        posttrail.errors.Unreachable: the server is not there or refuses us.
        posttrail.errors.NotReady: a migration failed; none of its statements lasts.
    """
    lock = first_connection(dsn, "posttrail-migrate")
    lock.autocommit = True  # an idle transaction would be ended after seconds
    with contextlib.closing(lock), understood(), lock.cursor() as cursor:
        _wait_for_others(cursor, schema)
        with _Backend(dsn, schema) as backend, as_file(files(__package__) / "migrations") as found:
            return _apply(backend, found, patience)


def _wait_for_others(cursor: Cursor, schema: str) -> None:
    def ours() -> bool:
        cursor.execute(query("migration_lock"), {"schema": schema})
        return cursor.fetchone() == (True,)

    tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda taken: not taken), wait=tenacity.wait_fixed(0.2)
    )(ours)


def _patiently(seconds: float) -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((LockNotAvailable, DeadlockDetected)),
        wait=tenacity.wait_fixed(1),
        stop=tenacity.stop_after_delay(seconds),
        retry_error_callback=_in_use,
    )


def _in_use(_state: tenacity.RetryCallState) -> NoReturn:
    raise NotReady(
        "a table is in use for too long: pg_stat_activity tells by whom; end that session or stop "
        "the sinks, then run `posttrail migrate` again"
    )


def make_roles(dsn: str, schema: str = "public") -> None:
    """Make the roles of owner, writer and reader, and give them what they need; may be repeated.

    Raises:
        posttrail.errors.Unreachable: the server is not there or refuses us.
        posttrail.errors.NotReady: the schema is not there, or we may not make roles.
    """
    connection = first_connection(dsn, "posttrail-migrate")
    enter = sql.SQL(query("enter_schema")).format(schema=sql.Identifier(schema))
    with contextlib.closing(connection), understood(), connection, connection.cursor() as cursor:
        cursor.execute(enter)
        cursor.execute(query("roles"))
