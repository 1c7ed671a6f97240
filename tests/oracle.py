"""The one oracle of all faults: what was written against what stands on the topics and in tables.

Three questions, asked the same way after every fault:

- every line that a host wrote stands on `maillog.raw` once;
- lines in = lines with facts + ignored + foreign + dead: each line's facts stand on
  `maillog.deliveries`, each dead line on `maillog.dead`, and nothing else does;
- the tables are, row by row, those of a clean run of the same lines, and say of every made-up mail
  what tests/mail_hosts.py says it was.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import psycopg2
from posttrail_processors.reading import reader_of
from posttrail_sinks.writer import Writer

from posttrail.config import Processor
from posttrail.dead_letters import DeadLetter
from posttrail.records import AnyFact, Origin
from tests.mail_hosts import Host

MOST_NOTES = 10
TABLES: Mapping[str, tuple[str, ...]] = {
    "delivery_from": ("queue_id", "host", "instance", "born"),
    "delivery_to": ("queue_id", "host", "instance", "born", "recipient", "orig_recipient"),
    "noqueue": ("t", "host", "pid", "recipient", "ordinal"),
}
"""Tables and what a row of each is known by."""
WHICH_COPY = frozenset(
    {"line_ids", "status_order", "reason_order", "origin_partition", "origin_offset"}
)
"""Columns that tell which of several copies of a line a row was made of."""

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = Mapping[str, Sequence[Row]]


class Verdict:
    """How many differences there are, and what the first of them are."""

    def __init__(self) -> None:
        self.lost = 0
        self.twice = 0
        self.wrong = 0
        self.notes: list[str] = []

    def add(self, kind: str, what: object, count: int = 1) -> None:
        """Note a difference: `lost`, `twice` or `wrong`."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.notes) < MOST_NOTES:
            self.notes.append(f"{kind}: {what}")

    def take(self, other: "Verdict") -> None:
        """Add another's differences."""
        self.lost += other.lost
        self.twice += other.twice
        self.wrong += other.wrong
        self.notes += other.notes[: MOST_NOTES - len(self.notes)]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.wrong)

    def __repr__(self) -> str:
        numbers = f"lost {self.lost}, twice {self.twice}, wrong {self.wrong}"
        return "\n".join([numbers, *self.notes])


def compare_raw(verdict: Verdict, written: Iterable[bytes], raw: Iterable[bytes]) -> None:
    """Every line that was written stands on the topic, once."""
    wanted, found = Counter(written), Counter(raw)
    for line, count in (wanted - found).items():
        verdict.add("lost", f"not on maillog.raw: {line!r}", count)
    for line, count in (found - wanted).items():
        verdict.add("twice" if line in wanted else "wrong", f"on maillog.raw: {line!r}", count)


class Reading:
    """What lines must become, by the parser alone: no Kafka, no worker."""

    def __init__(self, raw: Mapping[Origin, bytes]) -> None:
        reader = reader_of(Processor())
        self.facts: list[AnyFact] = []
        self.dead: set[Origin] = set()
        self.classes: Counter[str] = Counter()
        for origin, line in raw.items():
            outcome = reader(line, origin, None)
            self.classes[outcome.cls] += 1
            self.facts += outcome.facts
            if outcome.cls == "dead":
                self.dead.add(origin)


def compare_topics(
    verdict: Verdict, reading: Reading, facts: Iterable[AnyFact], letters: Iterable[DeadLetter]
) -> None:
    """Facts and dead letters are those of the lines; a repeat is no difference, tables drop it."""
    wanted, found = set(reading.facts), set(facts)
    for fact in wanted - found:
        verdict.add("lost", f"not on maillog.deliveries: {fact}")
    for fact in found - wanted:
        verdict.add("wrong", f"on maillog.deliveries: {fact}")
    dead = {letter.origin for letter in letters}
    for origin in reading.dead ^ dead:
        verdict.add("lost" if origin in reading.dead else "wrong", f"dead letter of {origin}")


def compare_classes(verdict: Verdict, reading: Reading, hosts: Iterable[Host]) -> None:
    """Lines in = facts + ignored + foreign + dead, and each sum is what the hosts wrote."""
    written = sum((host.classes for host in hosts), Counter[str]())
    if written != reading.classes:
        verdict.add("wrong", f"classes are {reading.classes}, were {written}")


def rows(dsn: str, hosts: Iterable[str]) -> dict[str, list[Row]]:
    """All rows of these hosts."""
    found = {}
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        for table in TABLES:
            ask = f"SELECT to_jsonb(x) FROM {table} AS x WHERE host = ANY(%s)"
            cursor.execute(ask, (list(hosts),))
            found[table] = [row for (row,) in cursor.fetchall()]
    return found


def clean_run(dsn: str, facts: Iterable[AnyFact], hosts: Iterable[str]) -> dict[str, list[Row]]:
    """The rows of these facts written at once into an empty database, which is emptied again."""
    writer = Writer()
    with closing(psycopg2.connect(dsn)) as connection:
        writer.prepare_connection(connection)
        with connection, connection.cursor() as cursor:
            writer.write(cursor, writer.prepare(facts))
        made = rows(dsn, hosts)
        with connection, connection.cursor() as cursor:
            for table in (*TABLES, "short_bundle"):
                cursor.execute(f"DELETE FROM {table}")
    return made


def compare_rows(
    verdict: Verdict, truth: Rows, found: Rows, *, without: frozenset[str] = frozenset()
) -> None:
    """Row by row; `without`: columns that may differ."""
    for table, key in TABLES.items():
        _compare(verdict, table, _by_key(truth[table], key), _by_key(found[table], key), without)
        for row_key, count in Counter(_key(row, key) for row in found[table]).items():
            if count > 1:
                verdict.add("twice", f"{table} {row_key}", count - 1)


def _key(row: Row, key: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(row[column] for column in key)


def _by_key(some: Iterable[Row], key: tuple[str, ...]) -> dict[tuple[Any, ...], Row]:
    return {_key(row, key): row for row in some}


def _compare(
    verdict: Verdict,
    table: str,
    wanted: Mapping[tuple[Any, ...], Row],
    found: Mapping[tuple[Any, ...], Row],
    without: frozenset[str],
) -> None:
    for key in wanted.keys() - found.keys():
        verdict.add("lost", f"{table} {key}")
    for key in found.keys() - wanted.keys():
        verdict.add("twice", f"{table} {key}")
    for key in wanted.keys() & found.keys():
        ours, theirs = found[key], wanted[key]
        differing = {name for name in theirs if ours[name] != theirs[name]} - without
        if differing:
            what = {name: (ours[name], theirs[name]) for name in sorted(differing)}
            verdict.add("wrong", f"{table} {key}: {what}")


def compare_mails(verdict: Verdict, hosts: Iterable[Host], found: Rows) -> None:
    """The rows against what the hosts know of their mails."""
    for host in hosts:
        of_host = {
            table: [row for row in some if row["host"] == host.name]
            for table, some in found.items()
        }
        _counted(verdict, host.name, host.mails, map(_mail_of, of_host["delivery_from"]))
        told = map(_recipient_of, of_host["delivery_to"])
        _counted(verdict, host.name, host.recipients, told)
        refused = len(of_host["noqueue"])
        if refused != host.refusals:
            kind = "lost" if refused < host.refusals else "twice"
            differ = abs(host.refusals - refused)
            verdict.add(kind, f"{host.name}: {refused} refusals of {host.refusals}", differ)


def _counted(
    verdict: Verdict, host: str, wanted: Iterable[tuple[Any, ...]], found: Iterable[Any]
) -> None:
    left, extra = Counter(map(tuple, wanted)), Counter(map(tuple, found))
    for one, count in (left - extra).items():
        verdict.add("lost", f"{host}: no row says {one}", count)
    for one, count in (extra - left).items():
        verdict.add("wrong", f"{host}: a row says {one}", count)


def _mail_of(row: Row) -> tuple[Any, ...]:
    return row["queue_id"], _micros(row["born"]), row["sender"], row["status"]


def _recipient_of(row: Row) -> tuple[Any, ...]:
    attempts = row["attempt_count"]
    return row["queue_id"], _micros(row["born"]), row["recipient"], row["status"], attempts


def _micros(stamp: str) -> int:
    at = datetime.fromisoformat(stamp)
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
