"""Rows derived anew from `maillog.raw` with today's parser, beside the live ones.

The lines of the window are read into a schema of its own, with the same tables and the same merge.
A mail whose lines lie partly outside of the window is derived from all of them: the topic is read
again, further back and to its end, for the ids that the window named. So a row differs only where
today's parser reads its lines differently. Left alone are mails with lines out of reach, and mails
that move on while the replay works.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import msgspec
import psycopg2.errors
from psycopg2 import sql

from posttrail import config
from posttrail.config import Settings
from posttrail.errors import NotReady, Retry, Unreachable
from posttrail.records import AnyFact
from posttrail.topics import DAY_MS
from posttrail_sinks import replay_tables, upkeep
from posttrail_sinks.database import Connection, first_connection, understood
from posttrail_sinks.merge import IdKey
from posttrail_sinks.migrate import migrate
from posttrail_sinks.offsets import Extent
from posttrail_sinks.policy import Policy
from posttrail_sinks.queries import query
from posttrail_sinks.replay_report import Report
from posttrail_sinks.replay_source import Derive, Seen, Source, Spans, Window, ids_of
from posttrail_sinks.replay_tables import SCHEMA
from posttrail_sinks.writer import Writer

NAME = "posttrail-replay"


def replay(
    settings: Settings,
    window: Window,
    derive: Derive,
    caught_up: Callable[[], None],
    *,
    dry_run: bool,
) -> Report:
    """Derive the window anew, compare, and unless `dry_run` swap what differs, in one transaction.

    Args:
        settings: of the live stages.
        window: which lines.
        derive: today's parser.
        caught_up: returns once the live stages have landed what is in the topic now.
        dry_run: only compare.

    Raises:
        BadInput: the window is empty.
        Unreachable: Kafka or PostgreSQL is away or refuses us.
        NotReady: a topic or the schema is missing, another replay works, or we may not make a
            schema.
    """
    dsn = config.dsn(settings)
    try:
        with understood(), _live(dsn) as live, _shadow(dsn, live) as shadow:
            work = _Replay(Source(settings, derive), Policy.of(settings.sink), live, shadow)
            return work.run(window, caught_up, dry_run=dry_run)
    except Retry as error:
        raise Unreachable(str(error)) from error


@contextmanager
def _live(dsn: str) -> Iterator[Connection]:
    """A connection that leads to the live tables; one replay at a time has one."""
    with closing(first_connection(dsn, NAME)) as live:
        with live, live.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
            cursor.execute(query("replay_alone"))
            if cursor.fetchone() != (True,):
                raise NotReady("another replay works on this database; wait for its end")
        try:
            yield live
        finally:
            _let_others(live)


@contextmanager
def _shadow(dsn: str, live: Connection) -> Iterator[Connection]:
    """A connection that leads to the replay's own tables, which are there until the end."""
    _drop(live)
    try:
        migrate(dsn, SCHEMA)
        with live, live.cursor() as cursor:
            replay_tables.erase_as_live(cursor)
        with closing(first_connection(dsn, NAME)) as shadow:
            with shadow, shadow.cursor() as cursor:
                cursor.execute("SET synchronous_commit = off")
                cursor.execute(sql.SQL(query("enter_schema")).format(schema=sql.Identifier(SCHEMA)))
            yield shadow
    except psycopg2.errors.InsufficientPrivilege as error:
        raise NotReady(
            "a replay makes a schema of its own for a while: run it as the database's owner"
        ) from error
    finally:
        if not live.closed:
            _drop(live)


def _let_others(live: Connection) -> None:
    """Said at once: the server may notice a closed connection a moment later."""
    if not live.closed:
        with live, live.cursor() as cursor:
            cursor.execute(query("replay_done"))


def _drop(live: Connection) -> None:
    live.rollback()
    with live, live.cursor() as cursor:
        cursor.execute(sql.SQL(query("drop_schema")).format(schema=sql.Identifier(SCHEMA)))


class _Replay:
    """One replay at work."""

    def __init__(
        self, source: Source, policy: Policy, live: Connection, shadow: Connection
    ) -> None:
        self._source = source
        self._policy = policy
        self._live = live
        self._shadow = shadow
        self._writer = Writer(policy)
        self._writer.prepare_connection(shadow)

    def run(self, window: Window, caught_up: Callable[[], None], *, dry_run: bool) -> Report:
        whole = self._source.whole()
        spans = self._source.window(whole, window)
        seen = self._derive_window(spans)
        read = self._derive_around(whole, spans, seen)
        self._settle()
        caught_up()
        complete = all(span.first == 0 for span in read.values())
        with self._live, self._live.cursor() as cursor:
            left = replay_tables.compare(cursor, complete=complete)
        ids, whole = self._source.since(read)
        with self._live, self._live.cursor() as cursor:
            moving = replay_tables.leave_moving(cursor, ids)
            if not dry_run:
                replay_tables.lock(cursor)
                ids, _ = self._source.since(whole)
                moving += replay_tables.leave_moving(cursor, ids)
            tables = replay_tables.changes(cursor)
            if not dry_run:
                replay_tables.swap(cursor)
        return Report(
            lines=seen.lines,
            facts=seen.facts,
            out_of_reach=left,
            moving=moving,
            tables=tables,
            swapped=not dry_run,
        )

    def _land(self, facts: list[AnyFact]) -> None:
        if facts:
            with self._shadow, self._shadow.cursor() as cursor:
                self._writer.write(cursor, self._writer.prepare(facts))

    def _derive_window(self, spans: Spans) -> Seen:
        seen = Seen()
        for lines in self._source.read(spans):
            for derived, received in lines:
                seen.see(derived, received)
            self._land([fact for derived, _ in lines for fact in derived.facts])
        return seen

    def _derive_around(self, whole: Spans, window: Spans, seen: Seen) -> Spans:
        """Derive what else is known of the window's mails; returns all that is read then."""
        since = (seen.received or 0) - self._policy.generation_days * DAY_MS
        before, behind = self._source.around(whole, window, since)
        read = {part: Extent(before[part].first, behind[part].end) for part in window}
        everything = window == whole and all(span.first == 0 for span in whole.values())
        with self._live, self._live.cursor() as cursor:
            hosts = None if everything else seen.hosts
            lost = replay_tables.begin(cursor, window, read, hosts, seen.ids)
        for stretch in (before, behind):
            self._derive_for(stretch, seen.ids | lost)
        return read

    def _derive_for(self, spans: Spans, ids: set[IdKey]) -> None:
        for lines in self._source.read(spans):
            facts = [fact for derived, _ in lines for fact in derived.facts]
            self._land([fact for fact in facts if any(key in ids for key in ids_of((fact,)))])

    def _settle(self) -> None:
        """Nothing more comes: lines that wait for their mail's beginning become rows."""
        impatient = Writer(msgspec.structs.replace(self._policy, orphan_us=-1))
        while upkeep.give_up_waiting(self._shadow, impatient):
            pass
