"""The sink's writer beside raw COPY of the same rows into the same tables, in the same run.

CPU time of client and server per row; what counts is the ratio. The last comparison is made on
tables that hold `--rows` rows before. Which rows a fact belongs to is worked out before the writer
begins, but for short ids, whose stored facts are read and kept too.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeAlias, TypeVar

import msgspec
import psutil
import psycopg2
from posttrail_embedded.database import EmbeddedPostgres
from posttrail_sinks.copy_text import Value, copy_in, line
from posttrail_sinks.migrate import migrate
from posttrail_sinks.partitions import day_of, ensure
from posttrail_sinks.prepared import Prepared
from posttrail_sinks.writer import Writer
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class

from posttrail.cli.worker import collect_rarely
from posttrail.config import Sink
from posttrail.identity import SECOND
from posttrail.records import AnyFact, FromFact, ToFact

START = 1_795_000_000 * SECOND
BATCH_FACTS = Sink().batch_facts
_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_FROM_COLUMNS = (
    "queue_id, host, instance, born, t_first, t_last, removed_at, expired_at, uid, size, nrcpt, "
    "client_port, client_addr, orig_client_addr, client_name, sasl_method, sasl_username, "
    "sasl_sender, orig_queue_id, orig_client_name, requeued_from, sender, verp_id, verp_sender, "
    "message_id, resent_message_id, subject, status, reason, proto, helo, bounce_ids, delay_ids, "
    "dsn_ids, line_ids, partial, ambiguous, sender_rank, status_order, reason_order"
)
_TO_COLUMNS = (
    "queue_id, host, instance, born, recipient, orig_recipient, t_first, t_last, t, origin_offset, "
    "origin_partition, ordinal, relay_port, conn_use, delay, is_final, probe, softbounce, "
    "ambiguous, relay_addr, relay, relay_name, delays, tls, dsn, status, response, next_queue_id, "
    "attempt_ids, attempts"
)


def _base52(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 52)
        digits = _BASE52[digit] + digits
    return digits


def _queue_id(born: int, n: int, *, short: bool) -> str:
    if short:
        return f"{born % SECOND:05X}{n % 50 + 0x24853E:X}"
    return f"{_base52(born // SECOND, 6)}{_base52(born % SECOND, 4)}z{_base52(n % 50, 3)}"


def _mail(n: int, *, short: bool) -> list[AnyFact]:
    """The five lines of a mail that is delivered at once, as a busy host logs them."""
    born = START + n * 4507 + n * 7919 % 4001
    queue_id = _queue_id(born, n, short=short)
    relay = f"mx{n % 40}.example.org"
    about = {"host": f"mx{n % 4}", "instance": "postfix", "queue_id": queue_id, "pid": 4711}
    client = {"client_name": f"mail{n % 900}.example.net", "client_addr": f"192.0.2.{n % 250}"}
    sender = {"sender": f"sender{n % 5000}@example.com", "size": 2000 + n % 9999, "nrcpt": 1}
    texts = (
        {"t": 1000, "component": "smtpd", **client},
        {"t": 40_000, "component": "cleanup", "message_id": f"<{n}.{born}@mail.example.net>"},
        {"t": 60_000, "component": "qmgr", **sender},
        {
            "t": 900_000, "component": "smtp", "recipient": f"user{n % 7000}@example.org",
            "relay": f"{relay}[198.51.100.{n % 250}]:25", "relay_name": relay, "relay_port": 25,
            "relay_addr": f"198.51.100.{n % 250}", "delay": 0.9, "delays": [0.1, 0.02, 0.3, 0.48],
            "dsn": "2.0.0", "status": "sent", "response": f"250 2.0.0 Ok: queued as 4{n:09X}",
        },
        {"t": 905_000, "component": "qmgr", "status": "removed", "removed_at": born + 905_000},
    )  # fmt: skip
    found: list[AnyFact] = []
    for at, text in enumerate(texts):
        kind: type[FromFact | ToFact] = ToFact if "recipient" in text else FromFact
        t = born + int(str(text["t"]))
        found.append(
            msgspec.convert({**about, **text, "t": t, "origin": [n % 6, n * 5 + at]}, kind)
        )
    return found


def facts(first: int, number: int, *, short: bool) -> list[AnyFact]:
    """Facts of so many mails in the order of the log: lines of different mails interleave."""
    every = [fact for n in range(first, first + number) for fact in _mail(n, short=short)]
    return sorted(every, key=lambda fact: fact.t)


P = ParamSpec("P")
R = TypeVar("R")
_Copied: TypeAlias = tuple[list[tuple[str | None, ...]], list[tuple[str | None, ...]]]


class Meter:
    """CPU seconds of this process and of one server process, and wall seconds."""

    def __init__(self, connection: Connection) -> None:
        self._server = psutil.Process(connection.info.backend_pid)
        self.client = self.server = self.wall = 0.0

    def measure(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do this work, and add what it costs."""
        server, wall, client = self._server_now(), time.perf_counter(), time.process_time()
        done = work(*args, **kwargs)
        self.client += time.process_time() - client
        self.wall += time.perf_counter() - wall
        self.server += self._server_now() - server
        return done

    def _server_now(self) -> float:
        """In nanoseconds where the kernel tells them: ticks of 10 ms are too coarse for a batch."""
        exact = Path(f"/proc/{self._server.pid}/schedstat")
        if exact.exists():
            return int(exact.read_text().split()[0]) / 1e9
        times = self._server.cpu_times()
        return times.user + times.system

    def per(self, number: int) -> tuple[float, float]:
        """Microseconds of client and of server for each of so many."""
        return self.client / number * 1e6, self.server / number * 1e6


class Side:
    """One schema with the tables, and a session in it."""

    def __init__(self, dsn: str, schema: str, rows: int = 0) -> None:
        migrate(dsn, schema)
        self.connection = psycopg2.connect(dsn, options=f"-csearch_path={schema},pg_temp")
        with self.connection, self.connection.cursor() as cursor:
            ensure(cursor, {day_of(START), day_of(START - rows // 2 * 100)})
            cursor.execute(_FILL, {"rows": rows // 2, "start": START})
        self.meter = Meter(self.connection)


_FILL = Path(__file__).with_name("fill.sql").read_text()


def _batches(all_facts: Sequence[AnyFact]) -> Iterator[list[AnyFact]]:
    rest = iter(all_facts)
    while batch := list(islice(rest, BATCH_FACTS)):
        yield batch


def _columns_as_text(side: Side, table: str, columns: str) -> list[tuple[str | None, ...]]:
    texts = ", ".join(f"{name}::text" for name in columns.split(", "))
    with side.connection, side.connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {texts} FROM {table} WHERE t_first > instant(%s) ORDER BY born", (START,)
        )
        return cursor.fetchall()


def _copy(side: Side, table: str, columns: str, rows: Sequence[Sequence[Value]]) -> None:
    statement = f"COPY {table} ({columns}) FROM STDIN (NULL E'\\x02')"
    with side.connection.cursor() as cursor:
        copy_in(cursor, statement, [line(row) for row in rows])


def _rows_of(side: Side, writer: Writer, batches: Sequence[list[AnyFact]]) -> list[_Copied]:
    """What COPY gets: the final rows as text, a batch's worth at a time."""
    for batch in batches:
        with side.connection, side.connection.cursor() as cursor:
            writer.write(cursor, writer.prepare(batch))
    mails = _columns_as_text(side, "delivery_from", _FROM_COLUMNS)
    recipients = _columns_as_text(side, "delivery_to", _TO_COLUMNS)
    each = -(-len(mails) // len(batches))
    return [
        (mails[start : start + each], recipients[start : start + each])
        for start in range(0, len(mails), each)
    ]


def _copy_both(side: Side, rows: _Copied) -> None:
    with side.connection:
        _copy(side, "delivery_from", _FROM_COLUMNS, rows[0])
        _copy(side, "delivery_to", _TO_COLUMNS, rows[1])


def _write(side: Side, writer: Writer, batch: Prepared) -> int:
    with side.connection, side.connection.cursor() as cursor:
        written = writer.write(cursor, batch)
    return written.rows.get("delivery_from", 0) + written.rows.get("delivery_to", 0)


class Comparison(msgspec.Struct, frozen=True):
    """What one comparison found."""

    rows: int
    ours: tuple[float, float]
    """CPU of client and of server, microseconds a row."""
    copy: tuple[float, float]
    merging: float
    """CPU before the transaction, microseconds a fact."""
    rows_per_second: float
    """Merging and writing one after the other; a sink does both at once (sink_consumer.py)."""
    copied_per_second: float

    def __str__(self) -> str:
        ratio = sum(self.ours) / sum(self.copy)
        return (
            f"{self.rows:,} rows; us/row {sum(self.ours):.1f} (client {self.ours[0]:.1f}, server "
            f"{self.ours[1]:.1f}), COPY {sum(self.copy):.1f} ({self.copy[0]:.1f}, "
            f"{self.copy[1]:.1f}); ratio of CPU {ratio:.2f}; merging {self.merging:.1f} us/fact; "
            f"{self.rows_per_second:,.0f} rows/s, COPY {self.copied_per_second:,.0f}"
        )


def compare(dsn: str, mails: int, preloaded: int, *, short: bool) -> Comparison:
    """One comparison on an empty database, batch by batch in turn."""
    writer = Writer(now=lambda: START + 3600 * SECOND)
    batches = list(_batches(facts(0, mails, short=short)))
    first = Side(dsn, "first")
    to_copy = _rows_of(first, writer, batches)
    ours, raw = Side(dsn, "ours", preloaded), Side(dsn, "raw", preloaded)
    gc.collect()
    collect_rarely()  # as the program does; the facts of the whole run are out of its sight, too
    merging = Meter(ours.connection)
    written = copied = 0
    for batch, rows in zip(batches, to_copy, strict=True):
        prepared = merging.measure(writer.prepare, batch)
        written += ours.meter.measure(_write, ours, writer, prepared)
        raw.meter.measure(_copy_both, raw, rows)
        copied += len(rows[0]) + len(rows[1])
    for side in (first, ours, raw):
        side.connection.close()
    gc.unfreeze()
    return Comparison(
        rows=written,
        ours=ours.meter.per(written),
        copy=raw.meter.per(copied),
        merging=merging.client / (mails * 5) * 1e6,
        rows_per_second=written / (ours.meter.wall + merging.wall),
        copied_per_second=copied / raw.meter.wall,
    )


def main() -> None:
    """Print one line per comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=40_000)
    parser.add_argument("--rows", type=int, default=4_000_000, help="0: leave that one out")
    given = parser.parse_args()
    cases = [("long ids", 0, False), ("short ids", 0, True)]
    if given.rows:
        cases.append((f"long ids among {given.rows:,} rows", given.rows, False))
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedPostgres(Path(directory), Path(directory) / "postgres.log")
        server.start()
        try:
            for number, (name, preloaded, short) in enumerate(cases):
                with closing(psycopg2.connect(server.dsn("postgres"))) as admin:
                    admin.autocommit = True
                    admin.cursor().execute(f"CREATE DATABASE bench{number}")
                dsn = server.dsn(f"bench{number}")
                print(f"{name}: {compare(dsn, given.mails, preloaded, short=short)}", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
