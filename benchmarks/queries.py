"""How long searches and traces take in tables of so many mails.

Fills day partitions on the server itself, in a PostgreSQL of its own that is gone afterwards, and
asks each kind of question with many values, frequent and rare ones. Prints p50, p95 and p99 in
milliseconds, as a person waits for them: from the call to the last record; and the same less the
time in which client and server were ready and other programs had the processors.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg2
from posttrail_answers.database import reading
from posttrail_answers.search import Query, find
from posttrail_answers.trace import trails
from posttrail_embedded.database import EmbeddedPostgres
from posttrail_sinks.migrate import make_roles, migrate
from posttrail_web.database import Busy, sight
from posttrail_web.database import Tables as Web
from posttrail_web.visitors import Visitor
from psycopg2.extensions import connection

HERE = Path(__file__).parent
DAYS = 30
SETTINGS = {
    "shared_buffers": "1GB", "wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB", "autovacuum": "off", "random_page_cost": "1.1", "jit": "off",
    "max_parallel_maintenance_workers": "0",
}  # fmt: skip


class Tables:
    """What the fill made, for random questions."""

    def __init__(self, mails: int, days: list[datetime]) -> None:
        self.mails = mails
        self.days = days

    def mail(self) -> int:
        """The number of any mail."""
        return random.randint(1, self.mails)

    def sender(self, power: int = 4) -> str:
        """Power 4: as frequent as in the tables; 1: any, mostly rare."""
        k = int(200_000 * random.random() ** power)
        return f"user{k}@d{int(k**0.66)}.example"

    def recipient(self, power: int = 4) -> str:
        """As for senders."""
        k = int(2_000_000 * random.random() ** power)
        return f"rcpt{k}_1@{self._domain(k)}"

    def domain(self) -> str:
        """Of a recipient."""
        return self._domain(int(2_000_000 * random.random() ** 4))

    def since(self) -> datetime:
        """The beginning of any day."""
        return random.choice(self.days)

    @staticmethod
    def _domain(k: int) -> str:
        return "big.example" if k % 5 < 2 else f"r{k // 200}.example"

    def client(self) -> str:
        """An address."""
        k = int(30_000 * random.random() ** 4)
        return f"10.0.{k // 256}.{k % 256}"


Shape = Callable[[Tables], Query]

SHAPES: dict[str, Shape] = {
    "newest of all": lambda _: Query(),
    "sender": lambda t: Query(sender=t.sender()),
    "sender, rare": lambda t: Query(sender=t.sender(1).upper()),
    "recipient": lambda t: Query(recipient=t.recipient()),
    "recipient, rare": lambda t: Query(recipient=t.recipient(1)),
    "domain, either side": lambda t: Query(domain=t.domain()),
    "message-id": lambda t: Query(message_id=f"{t.mail()}@mail.example"),
    "queue id": lambda t: Query(queue_id=f"B{t.mail():09x}z"),
    "subject, rare word": lambda _: Query(subject=f"topic{random.randrange(20_000)}"),
    "subject, frequent word": lambda _: Query(subject="invoice"),
    "client address": lambda t: Query(client=t.client()),
    "client name": lambda _: Query(client=f"client{int(30_000 * random.random() ** 4)}.example"),
    "client network": lambda _: Query(client=f"10.0.{random.randrange(117)}.0/28"),
    "relay": lambda t: Query(relay=f"mx.{t.domain()}"),
    "login": lambda _: Query(login=f"login{int(200_000 * random.random() ** 4)}"),
    "host until a day": lambda t: Query(host=f"mx{random.randrange(8)}", until=t.since()),
    "status pending": lambda t: Query(status="pending", until=t.since()),
    "status failed": lambda t: Query(status="failed", until=t.since()),
    "status expired": lambda t: Query(status="expired", until=t.since()),
    "sender and recipient": lambda t: Query(sender=t.sender(), recipient=t.recipient()),
    "recipient, failed": lambda t: Query(recipient=t.recipient(), status="failed"),
    "sender, failed": lambda t: Query(sender=t.sender(), status="failed"),
    "domain, failed, a day": lambda t: _on_a_day(t, Query(domain=t.domain(), status="failed")),
    "sender, expired": lambda t: Query(sender=t.sender(), status="expired"),
    "sender, pending": lambda t: Query(sender=t.sender(), status="pending"),
    "sender, frequent word": lambda t: Query(sender=t.sender(), subject="invoice"),
    "sender, rare word": lambda t: Query(
        sender=t.sender(), subject=f"topic{random.randrange(20_000)}"
    ),
    "recipient and client": lambda t: Query(recipient=t.recipient(), client=t.client()),
    "sender and domain": lambda t: Query(sender=t.sender(), domain=t.domain()),
    "recipient on a host, a day": lambda t: _on_a_day(
        t, Query(recipient=t.recipient(), host="mx3")
    ),
    "nobody's address": lambda _: Query(sender="nobody@nowhere.example"),
}


VISITORS: dict[str, Shape] = {
    "newest of all": lambda _: Query(),
    "a sender of any domain": lambda t: Query(sender=t.sender()),
    "a recipient": lambda t: Query(recipient=t.recipient()),
    "a foreign domain": lambda t: Query(domain=t.domain()),
    "a client": lambda t: Query(client=t.client()),
    "a frequent word": lambda _: Query(subject="invoice"),
    "failed": lambda _: Query(status="failed"),
    "a sender, failed": lambda t: Query(sender=t.sender(), status="failed"),
}
"""Asked by visitors who see the mails of one domain."""


def _on_a_day(tables: Tables, query: Query) -> Query:
    since = tables.since()
    return msgspec.structs.replace(query, since=since, until=since + timedelta(days=1))


def fill(dsn: str, mails: int, workers: int) -> None:
    """Day partitions of all tables, so many at once; the long ones first."""
    first_day = datetime.now(UTC).date() - timedelta(days=DAYS)
    each_day = mails // DAYS
    days = [(first_day + timedelta(days=n), 1 + n * each_day) for n in range(DAYS)]
    with ThreadPoolExecutor(workers) as pool:
        done = [
            pool.submit(_fill_day, dsn, table, day, first, each_day)
            for table in ("delivery_to", "delivery_from", "noqueue")
            for day, first in days
        ]
        for each in done:
            each.result()
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        # Beside the fill of other days a vacuum marked few pages: no index alone would serve.
        cursor.execute("VACUUM (ANALYZE) delivery_from, delivery_to, noqueue")


def _fill_day(dsn: str, table: str, day: date, first: int, mails: int) -> None:
    """A table without indexes is filled, then indexed, then attached: nothing goes into the WAL."""
    part = f"{table}_{day:%Y%m%d}"
    values = {"first": first, "mails": mails, "day": f"{day} 00:00+00"}
    texts = [
        (HERE / f"{name}.sql").read_text().replace("{table}", table).replace("{part}", part)
        for name in (f"queries_{table.removeprefix('delivery_')}", "queries_indexes")
    ]
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        cursor.execute("SET timezone TO 'UTC'")
        cursor.execute("BEGIN")
        cursor.execute(
            f"CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING GENERATED)"
            " WITH (fillfactor = 90)"
        )
        cursor.execute(texts[0], values)
        cursor.execute(texts[1])
        cursor.execute("COMMIT")
        cursor.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM"
            f" ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
        )
        cursor.execute(f"VACUUM (ANALYZE, FREEZE) {part}")


@contextmanager
def own_postgres() -> Iterator[str]:
    """A server with settings for tables of this size, gone with its data afterwards."""
    with tempfile.TemporaryDirectory(prefix="posttrail-queries-") as directory:
        Path(directory).chmod(0o711)
        server = EmbeddedPostgres(Path(directory) / "pg", Path(directory) / "log", durable=False)
        server.start()
        try:
            with closing(psycopg2.connect(server.dsn())) as opened, opened.cursor() as cursor:
                opened.autocommit = True
                for name, value in SETTINGS.items():
                    cursor.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            server.stop()
            server.start()
            migrate(server.dsn())
            yield server.dsn()
        finally:
            server.stop()


def filled(dsn: str) -> Tables:
    """What stands in a database that `fill` filled."""
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as cursor:
        cursor.execute("SELECT count(*), min(born), max(born) FROM delivery_from")
        ((mails, first, last),) = cursor
        cursor.execute("SELECT count(*) FROM delivery_to")
        ((recipients,),) = cursor
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        ((size,),) = cursor
    days = [first + timedelta(days=number) for number in range(1, (last - first).days + 1)]
    print(f"{mails} mails, {recipients} recipients, {len(days) + 1} days, {size}")
    return Tables(mails, days)


def _starved_ms(pids: tuple[int, ...]) -> float:
    """How long these processes were ready and got no processor (proc(5), schedstat)."""
    texts = [Path(f"/proc/{pid}/schedstat").read_text() for pid in pids]
    return sum(int(text.split()[1]) for text in texts) / 1e6


def percentiles(name: str, ask: Callable[[], None], rounds: int, pids: tuple[int, ...]) -> None:
    """Ask so often after three times that do not count, and print a row."""
    waited, alone = [], []
    for number in range(rounds + 3):
        starved, began = _starved_ms(pids), time.perf_counter()
        ask()
        took = 1000 * (time.perf_counter() - began)
        if number >= 3:
            waited.append(took)
            alone.append(took - (_starved_ms(pids) - starved))
    row = [
        statistics.quantiles(times, n=100, method="inclusive")[percent - 1]
        for times in (waited, alone)
        for percent in (50, 95, 99)
    ]
    print(f"{name:28}" + "".join(f"{each:8.0f}" for each in row), flush=True)


def deep(opened: connection, tables: Tables) -> None:
    """The twentieth page of a frequent recipient domain, from a cursor in the middle."""
    until = tables.since()
    page = find(opened, Query(domain="big.example", until=until), limit=1)
    if page.next_cursor is not None:
        find(opened, Query(domain="big.example"), after=page.next_cursor)


def measure(dsn: str, rounds: int) -> None:
    """All shapes on one warm connection."""
    tables = filled(dsn)
    print(f"load {os.getloadavg()[0]:.1f}; ms: p50, p95, p99 of {rounds}; the same without waiting")
    with reading(dsn) as opened:
        with opened.cursor() as cursor:
            cursor.execute("SET statement_timeout TO '5s'")
        pids = (os.getpid(), opened.info.backend_pid)
        for name, shape in SHAPES.items():
            percentiles(name, lambda: _ask(opened, shape(tables)), rounds, pids)  # noqa: B023
        percentiles("deep page of a domain", lambda: deep(opened, tables), rounds, pids)
        for name, form in (("queue id", "B{:09x}z"), ("message-id", "{}@mail.example")):
            ask = lambda: _trace(opened, form.format(tables.mail()))  # noqa: B023, E731
            percentiles(f"trace by {name}", ask, rounds, pids)
        print(f"load {os.getloadavg()[0]:.1f}")


def measure_visitors(dsn: str, rounds: int) -> None:
    """Behind row security, each time as a visitor of another domain."""
    tables = filled(dsn)
    make_roles(dsn)
    print(f"load {os.getloadavg()[0]:.1f}; visitors of one domain")
    for name, shape in VISITORS.items():
        with closing(Web(dsn, 1, statement_seconds=5)) as web:
            with web.seen_by(_visitor(tables)) as opened:
                pids = (os.getpid(), opened.info.backend_pid)  # the page keeps its connections
            percentiles(name, lambda: _ask_as_visitor(web, tables, shape), rounds, pids)  # noqa: B023


def _visitor(tables: Tables) -> Visitor:
    return Visitor(name="ann", address="", domains=(tables.domain(),))


def _ask_as_visitor(web: Web, tables: Tables, shape: Shape) -> None:
    visitor = _visitor(tables)
    with suppress(Busy), web.seen_by(visitor) as opened:
        find(opened, shape(tables), sight=sight(opened, visitor))


def _ask(opened: connection, query: Query) -> None:
    """What takes longer than a statement may counts as that long."""
    with suppress(psycopg2.errors.QueryCanceled):
        find(opened, query)


def _trace(opened: connection, named: str) -> None:
    assert trails(opened, named)


def main() -> None:
    """Fill and ask, or ask only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2, help="that fill days at the same time")
    parser.add_argument("--filled", metavar="DSN", help="a database that is filled already")
    options = parser.parse_args()
    if options.filled:
        measure(options.filled, options.rounds)
        measure_visitors(options.filled, options.rounds)
        return
    with own_postgres() as dsn:
        fill(dsn, options.mails, options.workers)
        measure(dsn, options.rounds)
        measure_visitors(dsn, options.rounds)


if __name__ == "__main__":
    main()
