"""Connections to PostgreSQL and the SQL texts beside this module. Knows no Kafka.

A connection that failed is closed and never used again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import psycopg2
import psycopg2.extensions

from posttrail import postgres_refusals
from posttrail.errors import BadSettings, NotReady, Retry

Connection: TypeAlias = psycopg2.extensions.connection
Cursor: TypeAlias = psycopg2.extensions.cursor

NAME = "posttrail events"


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text()


def connect(dsn: str) -> Connection:
    """A connection with times in UTC.

    Raises:
        Retry: PostgreSQL is away or refuses us; libpq does not tell which.
        BadSettings: the connection string is none.
    """
    try:
        opened: Connection = psycopg2.connect(dsn, application_name=NAME, connect_timeout=5)
    except psycopg2.ProgrammingError:  # its words may hold a part of the password
        raise BadSettings(postgres_refusals.NO_CONNECTION_STRING) from None
    except psycopg2.OperationalError as error:
        raise Retry(postgres_refusals.in_words(str(error))) from None
    with understood(), opened, opened.cursor() as cursor:
        cursor.execute(sql("session"))
    return opened


@contextmanager
def understood() -> Iterator[None]:
    """Errors of psycopg2 leave this block as ours.

    Raises:
        NotReady: tables are missing or may not be used.
        Retry: anything else; a new connection may do better.
    """
    try:
        yield
    except psycopg2.Error as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if (error.pgcode or "").startswith("42"):
            raise NotReady(f"the schema is not as it should be: {said}") from error
        raise Retry(f"PostgreSQL: {said}") from error
