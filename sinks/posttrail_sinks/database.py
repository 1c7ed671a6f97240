"""Connections to PostgreSQL, and what its errors ask us to do.

Knows no table and no Kafka. A connection that failed is closed, never used again: a new one costs
milliseconds and has no doubtful state.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import TypeAlias

import psycopg2
import psycopg2.extensions

from posttrail import postgres_refusals
from posttrail.errors import BadSettings, NotReady, Poison, PosttrailError, Retry, Unreachable
from posttrail_sinks.queries import query

Connection: TypeAlias = psycopg2.extensions.connection
Cursor: TypeAlias = psycopg2.extensions.cursor

_OPTIONS = {
    "connect_timeout": "5",
    # A host that vanished without a word: noticed after 10 + 3 x 5 s.
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}

# SQLSTATE classes and codes: PostgreSQL manual, appendix A. Codes go before classes.
_RETRY = {
    "08": "the connection failed",
    "25006": "the server is read-only",
    "25P03": "the transaction was idle for too long",
    "40": "the transaction was rolled back by the server",
    "53": "the server is out of a resource",
    "55": "a lock was not to be had",
    "57": "the server stops or was told to",
    "58": "the server has trouble with its system",
    # A unique index that is being rebuilt can refuse what ON CONFLICT should have caught.
    "23505": "a unique index was being rebuilt",
}
_POISON = ("21", "22", "23", "54")
_NOT_READY = ("0A", "3F", "42")
_REFUSED = ("28", "3D")


def connect(dsn: str, name: str) -> Connection:
    """A connection that names itself to the server's administrator.

    What the connection string says beats our defaults.

    Raises:
        Retry: the server is not there, or refuses for now or for good: libpq does not tell which.
        BadSettings: the connection string is none.
    """
    try:
        given = {**_OPTIONS, "application_name": name, **psycopg2.extensions.parse_dsn(dsn)}
    except psycopg2.ProgrammingError:  # its words may hold a part of the password
        raise BadSettings(postgres_refusals.NO_CONNECTION_STRING) from None
    try:
        opened: Connection = psycopg2.connect(**given)
    except psycopg2.Error as error:
        raise Retry(postgres_refusals.in_words(str(error))) from None
    with understood(), opened, opened.cursor() as cursor:
        cursor.execute(query("session"))
    return opened


def first_connection(dsn: str, name: str) -> Connection:
    """A connection at the start of a program, when nobody has reason to wait for the server.

    Raises:
        Unreachable: the server is not there or refuses us.
    """
    try:
        return connect(dsn, name)
    except Retry as error:
        raise Unreachable(str(error)) from None


def first_line(error: BaseException) -> str:
    """The error's text without DETAIL and CONTEXT, which may hold values of rows."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _by_state(state: str, said: str) -> PosttrailError:
    why = _RETRY.get(state) or (None if state in _POISON else _RETRY.get(state[:2]))
    if why is not None:
        return Retry(f"{why}: {said}")
    if state.startswith(_POISON):
        return Poison(f"{said} (SQLSTATE {state})")
    if state.startswith(_NOT_READY):
        return NotReady(f"the schema is not as it should be: {said}; run `posttrail migrate`")
    if state.startswith(_REFUSED):
        return Unreachable(f"PostgreSQL refuses us: {said}")
    return Retry(f"PostgreSQL: {said} (SQLSTATE {state})")


def _by_class(error: psycopg2.Error) -> PosttrailError:
    if error.pgcode is not None:
        return _by_state(error.pgcode, first_line(error))
    if isinstance(error, psycopg2.DataError):
        return Poison(first_line(error))
    return Retry(f"the connection to PostgreSQL broke: {first_line(error)}")


def meaning(error: BaseException) -> PosttrailError | None:
    """What an error out of psycopg2 asks for; None for an error that is not of the database.

    A connection that is killed while COPY runs can show as SystemError (psycopg2 2.9), one that is
    closed from another thread as InterfaceError or ValueError on its descriptor.
    """
    if isinstance(error, PosttrailError):
        return error
    if isinstance(error, psycopg2.Error):
        return _by_class(error)
    if isinstance(error, SystemError):
        return Retry("the connection to PostgreSQL broke during COPY")
    if isinstance(error, ValueError):  # a NUL, or UnicodeEncodeError on a lone surrogate
        return Poison(first_line(error))
    return None


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """Errors of psycopg2 leave this block as ours.

    Raises:
        Retry, Poison, Stop: as the error asks.
    """
    try:
        yield
    except Exception as error:
        found = meaning(error)
        if found is None or found is error:
            raise
        raise found from error


def break_off(connection: Connection) -> None:
    """Make another thread's call on this connection fail at once; the server rolls back."""
    with contextlib.suppress(OSError, psycopg2.Error):
        copy = socket.socket(fileno=os.dup(connection.fileno()))
        with copy:
            copy.shutdown(socket.SHUT_RDWR)
