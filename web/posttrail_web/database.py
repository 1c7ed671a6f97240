"""Looks into the tables as a visitor, with the rights of that visitor alone; and their record.

PostgreSQL decides what is seen: every look is a read-only transaction that became the role of a
reader or of a visitor with domains. Knows no request.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from importlib.resources import files
from threading import BoundedSemaphore
from typing import Any

import msgspec
import psycopg2
from posttrail_answers.search import ALL, Sight
from psycopg2.extensions import connection
from psycopg2.pool import ThreadedConnectionPool

from posttrail import postgres_refusals
from posttrail.errors import BadSettings, NotReady, Retry, Unreachable
from posttrail_web.visitors import Visitor

_WAIT_S = 10.0


class Busy(Retry):
    """Every connection is in use, or the look took too long."""


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text()


class Tables:
    """The connections of the web page: so many at one time, made when needed."""

    def __init__(self, dsn: str, connections: int, statement_seconds: float) -> None:
        """Connects to nothing yet."""
        self._dsn = dsn
        self._free = BoundedSemaphore(connections)
        self._connections = connections
        self._pool = ThreadedConnectionPool(
            0, connections, dsn, application_name="posttrail web", connect_timeout=10
        )
        # None is made before it is needed, and none closed: what a server has learned of the days
        # and their indexes dies with a connection, and a page takes three times as long without.
        self._pool.minconn = connections
        self._timeout_ms = int(statement_seconds * 1000)

    def close(self) -> None:
        """No look after this."""
        self._pool.closeall()

    def require_ready(self) -> None:
        """Roles and row security must be there before anybody looks.

        Raises:
            Unreachable: PostgreSQL is away.
            NotReady: the roles are missing, or we are not in them.
        """
        with self._connection() as opened, opened.cursor() as cursor:
            cursor.execute(sql("ready"))
            member, rules = cursor.fetchone() or (False, False)
        if not (member and rules):
            raise NotReady(
                "the web page's roles are not there or not ours: run `posttrail migrate --roles` "
                "as the owner, then GRANT posttrail_web to this user"
            )

    @contextmanager
    def seen_by(self, visitor: Visitor) -> Iterator[connection]:
        """A read-only transaction that sees what the visitor may see, in UTC.

        Raises:
            Busy: no connection came free, or the time was up.
            Unreachable: PostgreSQL is away.
        """
        role = "posttrail_reader" if visitor.administrator else "posttrail_visitor"
        with self._connection() as opened:
            with opened.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute(f"SET LOCAL ROLE {role}")
                cursor.execute("SET LOCAL timezone = 'UTC'")
                cursor.execute("SET LOCAL statement_timeout = %s", (self._timeout_ms,))
                cursor.execute("SET LOCAL posttrail.domains = %s", (",".join(visitor.domains),))
            try:
                yield opened
            except psycopg2.errors.QueryCanceled:
                raise Busy("that took too long: ask for a shorter time or more exactly") from None

    def write_down(
        self, visitor: Visitor, asked: str, parameters: Mapping[str, Any], results: int
    ) -> None:
        """A look-up in the record, committed."""
        with self._connection() as opened:
            with opened.cursor() as cursor:
                cursor.execute("SET LOCAL ROLE posttrail_web")
                cursor.execute(sql("audit"), {
                    "who": visitor.name, "address": visitor.address,
                    "administrator": visitor.administrator, "domains": list(visitor.domains),
                    "asked": asked, "results": results,
                    "parameters": _json(parameters),
                })  # fmt: skip
            opened.commit()

    @contextmanager
    def _connection(self) -> Iterator[connection]:
        if not self._free.acquire(timeout=_WAIT_S):
            raise Busy("too many look at once: try again in a moment")
        try:
            yield from self._pooled()
        finally:
            self._free.release()

    def _pooled(self) -> Iterator[connection]:
        try:
            opened = self._living()
        except psycopg2.ProgrammingError:
            raise BadSettings(postgres_refusals.NO_CONNECTION_STRING) from None
        except psycopg2.OperationalError as error:
            raise Unreachable(postgres_refusals.in_words(str(error))) from None
        try:
            yield opened
            opened.rollback()
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            opened.close()
            raise Unreachable(postgres_refusals.in_words(str(error))) from None
        finally:
            self._pool.putconn(opened)  # it rolls back what is open and drops what is closed

    def _living(self) -> connection:
        """A connection; those that the server has ended meanwhile are dropped."""
        for _ in range(self._connections):
            opened: connection = self._pool.getconn()
            try:
                with opened.cursor() as cursor:
                    cursor.execute(sql("alive"))
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self._pool.putconn(opened, close=True)
            else:
                return opened
        return self._pool.getconn()


def sight(opened: connection, visitor: Visitor) -> Sight:
    """What a search may know of the visitor's sight, to find a short way."""
    if visitor.administrator:
        return ALL
    return Sight(visitor.domains, partial(_counting, opened))


@contextmanager
def _counting(opened: connection) -> Iterator[None]:
    """As a reader, for times alone: no row is read here. An error ends transaction and role."""
    with opened.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE posttrail_reader")
    yield
    with opened.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE posttrail_visitor")


def _json(parameters: Mapping[str, Any]) -> str:
    """As jsonb takes it: no NUL."""
    return msgspec.json.encode(parameters).decode().replace("\\u0000", "\\ufffd")
