"""The tables as a test sees them: written through the real sink code, read back whole."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg2
from posttrail_sinks.policy import Policy
from posttrail_sinks.writer import Writer, Written
from psycopg2.extensions import connection as Connection  # noqa: N812

from posttrail.identity import SECOND
from posttrail.records import AnyFact
from tests.stories import START

NOW = START + 10 * 86_400 * SECOND
TABLES = ("delivery_from", "delivery_to", "noqueue", "log_gap", "set_aside", "short_fact")


class Store:
    """A migrated database and a writer whose clock the test sets."""

    def __init__(self, dsn: str, policy: Policy | None = None) -> None:
        self.now = NOW
        self.writer = Writer(policy, lambda: self.now)
        self.connection: Connection = psycopg2.connect(dsn)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SET timezone = 'UTC'")
        self.writer.prepare_connection(self.connection)

    def write(self, facts: Iterable[AnyFact]) -> Written:
        """One batch, committed."""
        with self.connection, self.connection.cursor() as cursor:
            return self.writer.write(cursor, self.writer.prepare(facts))

    def write_and_crash(self, facts: Iterable[AnyFact]) -> None:
        """One batch that is lost before COMMIT."""
        with self.connection.cursor() as cursor:
            self.writer.write(cursor, self.writer.prepare(facts))
        self.connection.rollback()

    def rows(self, table: str) -> list[str]:
        """Every row of a table as JSON text, in order."""
        assert table in TABLES
        return [text for (text,) in self.ask(f"SELECT to_jsonb(x)::text FROM {table} AS x")]

    def dump(self, tables: Sequence[str] = TABLES[:5]) -> dict[str, list[str]]:
        """Every row of the tables."""
        return {table: sorted(self.rows(table)) for table in tables}

    def ask(self, question: str, values: Any = None) -> list[tuple[Any, ...]]:
        """The answer to any SELECT."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(question, values)
            return cursor.fetchall()

    def empty(self) -> None:
        """Forget all rows."""
        with self.connection, self.connection.cursor() as cursor:
            for table in (*TABLES[:5], "short_bundle"):
                cursor.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        self.connection.close()
