"""Log lines straight into the tables, without Kafka: read and merged as the stages do."""

from collections.abc import Iterable, Sequence
from contextlib import closing

import psycopg2
from posttrail_processors.lines import Rules, read_line
from posttrail_sinks.writer import Writer

from posttrail.records import AnyFact


def land(dsn: str, lines: Iterable[bytes]) -> None:
    """The lines of partition 0 of maillog.raw, from its beginning."""
    facts = [
        fact
        for offset, line in enumerate(lines)
        for fact in read_line(line, (0, offset), Rules()).facts
    ]
    land_facts(dsn, facts)


def land_facts(dsn: str, facts: Sequence[AnyFact]) -> None:
    """One batch of a sink."""
    writer = Writer()
    with closing(psycopg2.connect(dsn)) as connection:
        writer.prepare_connection(connection)
        with connection, connection.cursor() as cursor:
            writer.write(cursor, writer.prepare(facts))
