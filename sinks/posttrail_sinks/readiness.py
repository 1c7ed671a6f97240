"""Whether the database is ready for this version of a sink; changes nothing.

Knows the schema's migrations and what a writer must be allowed to do.
"""

import contextlib
from importlib.resources import files

import psycopg2.errors

from posttrail.errors import NotReady, Unreachable
from posttrail_sinks import online_indexes
from posttrail_sinks.database import first_connection, understood
from posttrail_sinks.queries import query

NAME = "posttrail-check"


def server(dsn: str) -> str:
    """The server's version.

    Raises:
        posttrail.errors.Unreachable: it is not there or refuses us.
    """
    with contextlib.closing(first_connection(dsn, NAME)) as connection:
        return f"PostgreSQL {connection.server_version // 10_000}"


def schema(dsn: str) -> str:
    """Whether all migrations are applied, and their indexes built.

    Raises:
        posttrail.errors.NotReady: some are not, or the database is of a newer version.
        posttrail.errors.Unreachable: the server is not there or refuses us.
    """
    ours = {
        file.name.removesuffix(".sql")
        for file in files(__package__).joinpath("migrations").iterdir()
        if file.name.endswith(".sql") and not file.name.endswith(".rollback.sql")
    }
    applied = _applied(dsn)
    if missing := sorted(ours - applied):
        raise NotReady(f"migrations are missing ({', '.join(missing)}): run `posttrail migrate`")
    if newer := sorted(applied - ours):
        raise NotReady(
            f"the schema is of a newer posttrail ({', '.join(newer)}): upgrade this program"
        )
    if lacking := _missing_indexes(dsn):
        raise NotReady(
            f"{lacking} indexes of days are not built yet: wait for `posttrail migrate` where it "
            "runs, else run it"
        )
    return f"{len(ours)} migrations applied"


def _missing_indexes(dsn: str) -> int:
    with contextlib.closing(first_connection(dsn, NAME)) as connection, understood():
        return len(online_indexes.missing(connection))


def _applied(dsn: str) -> set[str]:
    with (
        contextlib.closing(first_connection(dsn, NAME)) as connection,
        understood(),
        connection.cursor() as cursor,
    ):
        try:
            cursor.execute(query("applied_migrations"))
        except psycopg2.errors.UndefinedTable:
            return set()
        except psycopg2.errors.InsufficientPrivilege:
            raise _not_allowed(["SELECT on _yoyo_migration"]) from None
        return {str(found) for (found,) in cursor}


def rights(dsn: str) -> str:
    """Whether our user may do what a sink does.

    Raises:
        posttrail.errors.Unreachable: it may not, or the server is not there.
        posttrail.errors.NotReady: a table is missing.
    """
    with (
        contextlib.closing(first_connection(dsn, NAME)) as connection,
        understood(),
        connection.cursor() as cursor,
    ):
        cursor.execute(query("missing_rights"))
        if missing := [str(found) for (found,) in cursor]:
            raise _not_allowed(missing)
    return "all that a sink needs"


def _not_allowed(missing: list[str]) -> Unreachable:
    return Unreachable(
        f"PostgreSQL does not allow us: {', '.join(missing)}; "
        "run `posttrail migrate --roles` as the owner, then GRANT posttrail_writer to this user"
    )
