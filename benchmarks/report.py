"""How long reports and the queue take on a day of so many mails.

Fills that day and the seven before it, which a report looks through for mails that were tried
again, in a PostgreSQL of its own that is gone afterwards. Prints seconds as a person waits for
them, and the processor seconds of the one PostgreSQL process that answers: other programs disturb
those less.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg2
from posttrail_answers import queue, report
from posttrail_answers.database import reading
from posttrail_answers.report_records import Narrowed, Period
from psycopg2.extensions import connection

from benchmarks.queries import own_postgres

HERE = Path(__file__).parent
TABLES = ("delivery_to", "delivery_from", "noqueue")
BEFORE = 7
Question = Callable[[connection, datetime], object]


def _period(day: datetime, hours: int = 24) -> Period:
    return Period(day, day + timedelta(hours=hours))


QUESTIONS: dict[str, Question] = {
    "report of a day": lambda opened, day: report.make(opened, _period(day)),
    "of a day and a host": lambda opened, day: report.make(
        opened, _period(day), Narrowed(hosts=("mx3",))
    ),
    "of a day and a domain": lambda opened, day: report.make(
        opened, _period(day), Narrowed(domains=("r3.example",))
    ),
    "of an hour": lambda opened, day: report.make(opened, _period(day, 1)),
    "of eight days": lambda opened, day: report.make(
        opened, Period(day - timedelta(days=BEFORE), day + timedelta(days=1))
    ),
    "chart of a day": lambda opened, day: report.hourly(opened, _period(day)),
    "queue, each": lambda opened, _: queue.waiting(opened, (), 100),
    "queue, by destination": lambda opened, _: queue.groups(opened),
}


def fill(dsn: str, day: date, mails: int, before: int) -> None:
    """The day and those before it, two tables at a time."""
    days = [(day - timedelta(days=n), before if n else mails) for n in range(BEFORE + 1)]
    with ThreadPoolExecutor(2) as pool:
        first = 1
        done = []
        for each, count in days:
            done += [pool.submit(_fill, dsn, table, each, first, count) for table in TABLES]
            first += count
        for one in done:
            one.result()
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")


def _fill(dsn: str, table: str, day: date, first: int, mails: int) -> None:
    """A table without indexes is filled, then indexed, then attached: nothing goes into the WAL."""
    part = f"{table}_{day:%Y%m%d}"
    values = {"first": first, "mails": mails, "day": f"{day} 00:00+00"}
    rows, indexes = (
        (HERE / f"{name}.sql").read_text().replace("{table}", table).replace("{part}", part)
        for name in (f"report_{table.removeprefix('delivery_')}", "queries_indexes")
    )
    with closing(psycopg2.connect(dsn)) as opened, opened.cursor() as cursor:
        opened.autocommit = True
        cursor.execute("SET timezone TO 'UTC'")
        cursor.execute("BEGIN")
        like = f"LIKE {table} INCLUDING DEFAULTS INCLUDING GENERATED"
        cursor.execute(f"CREATE TABLE {part} ({like}) WITH (fillfactor = 90)")
        cursor.execute(rows, values)
        cursor.execute(indexes)
        cursor.execute("COMMIT")
        cursor.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM"
            f" ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
        )
        cursor.execute(f"VACUUM (ANALYZE, FREEZE) {part}")


def _cpu_s(pid: int) -> float:
    """Processor time of a process so far (proc(5), stat: utime, stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(dsn: str, day: datetime) -> None:
    """Each question twice, the second counts: a server has its newest day in memory."""
    with reading(dsn) as opened:
        with opened.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather TO 0")
            cursor.execute("SET jit TO on")
        pid = opened.info.backend_pid
        print(f"load {os.getloadavg()[0]:.1f}; seconds waited, seconds of processor")
        for name, ask in QUESTIONS.items():
            ask(opened, day)
            began, cpu = time.perf_counter(), _cpu_s(pid)
            ask(opened, day)
            took = time.perf_counter() - began
            print(f"{name:24}{took:8.2f}{_cpu_s(pid) - cpu:8.2f}", flush=True)
        print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Fill and ask, or ask only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=100_000, help="of the day")
    parser.add_argument("--before", type=int, help="of each day before it; as many otherwise")
    parser.add_argument("--filled", metavar="DSN", help="a database that is filled already")
    options = parser.parse_args()
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    if options.filled:
        measure(options.filled, day)
        return
    with own_postgres() as dsn:
        fill(dsn, day.date(), options.mails, options.before or options.mails)
        measure(dsn, day)


if __name__ == "__main__":
    main()
