"""Indexes of the day partitions, built while sinks write and people search.

A migration declares such an index `ON ONLY` its table: that takes an instant, and the days that are
made from then on have it. The days from before get it here. What they lack is read from the
catalog and remembered nowhere, so a crash leaves nothing to mend. Knows no table by name; needs a
connection that commits each statement, as `migrate` makes them.
"""

from contextlib import suppress

import msgspec
from psycopg2 import sql
from psycopg2.errors import UndefinedTable

from posttrail_sinks.database import Connection, Cursor
from posttrail_sinks.queries import query


class Missing(msgspec.Struct, frozen=True):
    """A partition that lacks an index of its table, both by their oid."""

    index: int
    partition: int


class _Part(msgspec.Struct, frozen=True):
    """The index of one partition."""

    statement: str
    whole: str
    computes: bool
    """It holds values of an expression, and not only of columns."""
    partition: str
    built: str | None


def missing(connection: Connection) -> list[Missing]:
    """What is to be built in the first schema of search_path, the newest days first."""
    with connection.cursor() as cursor:
        cursor.execute(query("missing_indexes"))
        return [Missing(*row) for row in cursor]


def drop_unfinished(connection: Connection) -> None:
    """Drop what builds that were broken off have left.

    Raises:
        psycopg2.errors.LockNotAvailable: somebody builds an index of the same table right now.
    """
    with connection.cursor() as cursor:
        cursor.execute(query("unfinished_indexes"))
        for (name,) in cursor.fetchall():
            _run(cursor, "drop_unfinished_index", index=name)


def build(connection: Connection, wanted: Missing) -> None:
    """Build one index and make it a part of its table's; nothing if its day was dropped meanwhile.

    May be called again after any error: what is built already is only taken in.

    Raises:
        psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected: try again.
    """
    drop_unfinished(connection)
    with connection.cursor() as cursor, suppress(UndefinedTable):
        part = _part(cursor, wanted)
        if part is not None and part.built is None:
            _build_beside_writers(cursor, part.statement)
            part = _part(cursor, wanted)
        if part is not None and part.built is not None:
            if part.computes:
                # A day that is over changes no more: nothing else would have its values counted.
                _run(cursor, "analyze_partition", partition=part.partition)
            _run(cursor, "attach_index", whole=part.whole, part=part.built)


def _part(cursor: Cursor, wanted: Missing) -> _Part | None:
    asked = {"whole": wanted.index, "part": wanted.partition}
    cursor.execute(query("index_of_partition"), asked)
    row = cursor.fetchone()
    return None if row is None else _Part(*row)


def _build_beside_writers(cursor: Cursor, statement: str) -> None:
    cursor.execute(query("build_index_session"))
    try:
        cursor.execute(statement)
    finally:
        cursor.execute(query("migration_session"))


def _run(cursor: Cursor, name: str, **names: str) -> None:
    """A statement on things whose names come from the server, quoted where they need it."""
    parts = {part: sql.SQL(text) for part, text in names.items()}
    cursor.execute(sql.SQL(query(name)).format(**parts))
