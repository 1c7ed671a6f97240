"""Reading connections and the SQL texts beside this module. Knows no question and no table."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import psycopg2
from psycopg2.extensions import connection

from posttrail import postgres_refusals
from posttrail.errors import BadSettings, NotReady, Unreachable


@cache
def sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files(__package__) / "sql" / f"{name}.sql").read_text()


@contextmanager
def reading(dsn: str) -> Iterator[connection]:
    """A connection that can only read, in UTC, closed at the end.

    Raises:
        Unreachable: PostgreSQL is away or refuses us.
        BadSettings: the connection string is none.
        NotReady: the schema is not there.
    """
    try:
        opened = psycopg2.connect(dsn, application_name="posttrail answers", connect_timeout=10)
    except psycopg2.ProgrammingError:  # its words may hold a part of the password
        raise BadSettings(postgres_refusals.NO_CONNECTION_STRING) from None
    except psycopg2.OperationalError as error:
        raise Unreachable(postgres_refusals.in_words(str(error))) from None
    try:
        opened.set_session(readonly=True, autocommit=True)
        with opened.cursor() as cursor:
            cursor.execute("SET timezone TO 'UTC'")
        yield opened
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
        first_line = str(error).partition("\n")[0]
        raise NotReady(f"schema is not up to date: {first_line}; run `posttrail migrate`") from None
    finally:
        opened.close()
