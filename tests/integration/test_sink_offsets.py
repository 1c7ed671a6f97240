"""Claims and offsets on a real PostgreSQL: one owner at a time, from where the last one stood."""

import io
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from posttrail_sinks import offsets
from posttrail_sinks.database import Connection, connect, understood
from posttrail_sinks.offsets import Claim, Extent, Log, Skip, Span

from posttrail.errors import Fenced, Retry
from tests.sink_world import rows, until

pytestmark = pytest.mark.postgres

LOG = Log(group="sinks", topic="maillog.deliveries", topic_id="first life")
EXTENTS = {0: Extent(0, 100), 1: Extent(0, 100)}


@pytest.fixture
def one(dsn: str) -> Iterator[Connection]:
    with closing(connect(dsn, "one")) as connection:
        yield connection


@pytest.fixture
def two(dsn: str) -> Iterator[Connection]:
    with closing(connect(dsn, "two")) as connection:
        yield connection


def claim(
    connection: Connection, owner: str, log: Log = LOG, extents: dict[int, Extent] = EXTENTS
) -> tuple[dict[int, Claim], list[Skip]]:
    with connection, connection.cursor() as cursor:
        return offsets.claim(cursor, log, owner, extents)


def advance(connection: Connection, *spans: Span, log: Log = LOG) -> None:
    with connection, connection.cursor() as cursor:
        offsets.advance(cursor, log, spans)


def test_a_partition_that_nobody_had_starts_at_the_beginning_of_the_topic(one: Connection) -> None:
    claims, skips = claim(one, "one", extents={3: Extent(40, 100)})

    assert claims == {3: Claim(3, 1, 40)}
    assert skips == []


def test_a_claim_goes_on_where_the_last_owner_stood(one: Connection, two: Connection) -> None:
    claim(one, "one")
    advance(one, Span(0, 1, 0, 25), Span(1, 1, 0, 7))

    claims, _ = claim(two, "two")

    assert claims == {0: Claim(0, 2, 25), 1: Claim(1, 2, 7)}


def test_the_former_owner_is_fenced(one: Connection, two: Connection, dsn: str) -> None:
    claim(one, "one")
    claim(two, "two", extents={1: Extent(0, 100)})

    with pytest.raises(Fenced, match=r"partitions \[1\]"):
        advance(one, Span(0, 1, 0, 25), Span(1, 1, 0, 7))

    assert rows(dsn, "SELECT part, next_offset, owner FROM sink_offset ORDER BY 1") == [
        (0, 0, "one"),
        (1, 0, "two"),
    ]


def test_an_offset_moves_only_from_where_it_stands(one: Connection) -> None:
    claim(one, "one")
    advance(one, Span(0, 1, 0, 25))

    with pytest.raises(Fenced):
        advance(one, Span(0, 1, 0, 30))


def test_a_topic_that_was_made_anew_starts_at_its_beginning(one: Connection) -> None:
    claim(one, "one")
    advance(one, Span(0, 1, 0, 25))
    second = Log(group="sinks", topic="maillog.deliveries", topic_id="second life")

    claims, _ = claim(one, "one", second)

    assert claims[0] == Claim(0, 1, 0)


def test_records_that_retention_dropped_are_a_gap(one: Connection) -> None:
    claim(one, "one")
    advance(one, Span(0, 1, 0, 25))

    claims, skips = claim(one, "one", extents={0: Extent(90, 100)})

    assert claims == {0: Claim(0, 3, 90)}
    assert skips == [Skip(0, 25, 90)]
    assert skips[0].records == 65


def test_records_that_the_topic_lost_at_its_end_are_a_gap_of_unknown_size(one: Connection) -> None:
    claim(one, "one")
    advance(one, Span(0, 1, 0, 25))

    claims, skips = claim(one, "one", extents={0: Extent(0, 20)})

    assert claims[0].next_offset == 20
    assert [skip.records for skip in skips] == [None]


def test_a_claim_waits_for_a_commit_on_its_way_and_sees_it(
    one: Connection, two: Connection
) -> None:
    claim(one, "one")
    with one.cursor() as cursor:
        offsets.advance(cursor, LOG, [Span(0, 1, 0, 25)])
    claimed: list[dict[int, Claim]] = []
    waiting = threading.Thread(target=lambda: claimed.append(over_any_holder(two)[0]))
    waiting.start()
    until(lambda: is_blocked(one, two))

    one.commit()
    waiting.join(10)

    assert claimed[0][0] == Claim(0, 2, 25)


def over_any_holder(connection: Connection) -> tuple[dict[int, Claim], list[int]]:
    (claims, _), ended = offsets.over_any_holder(
        connection, LOG, EXTENTS, lambda cursor: offsets.claim(cursor, LOG, "two", EXTENTS)
    )
    return claims, ended


def is_blocked(by: Connection, blocked: Connection) -> bool:
    with by.cursor() as cursor:
        cursor.execute("SELECT pg_blocking_pids(%s)", (blocked.info.backend_pid,))
        (found,) = cursor.fetchone() or ([],)
    return by.info.backend_pid in found


class Stuck(io.StringIO):
    """A stream whose reader waits for good, as a stopped process would."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.released = threading.Event()

    def read(self, size: int | None = -1, /) -> str:
        self.reached.set()
        self.released.wait(30)
        return ""


def test_an_owner_frozen_inside_copy_loses_its_partitions(one: Connection, two: Connection) -> None:
    claim(one, "one")
    stuck, failures = Stuck(), []

    def freeze() -> None:
        try:
            with understood(), one, one.cursor() as cursor:
                offsets.advance(cursor, LOG, [Span(0, 1, 0, 25)])
                cursor.execute("CREATE TEMP TABLE s (a text)")
                cursor.copy_expert("COPY s FROM STDIN", stuck)
        except Retry as error:
            failures.append(error)

    frozen = threading.Thread(target=freeze)
    frozen.start()
    assert stuck.reached.wait(10)
    pid = one.info.backend_pid

    claims, ended = over_any_holder(two)

    stuck.released.set()
    frozen.join(10)
    assert claims[0] == Claim(0, 2, 0)
    assert ended == [pid]
    assert len(failures) == 1


def test_claims_of_many_sinks_at_once_do_not_deadlock(dsn: str) -> None:
    extents = {partition: Extent(0, 100) for partition in range(6)}
    failures: list[Exception] = []

    def work(name: str) -> None:
        with closing(psycopg2.connect(dsn)) as connection:
            for _ in range(30):
                try:
                    claims, _ = claim(connection, name, extents=extents)
                    spans = [
                        Span(part, found.epoch, found.next_offset, found.next_offset + 1)
                        for part, found in claims.items()
                    ]
                    advance(connection, *reversed(spans))
                except Fenced:
                    continue
                except psycopg2.Error as error:
                    failures.append(error)

    threads = [threading.Thread(target=work, args=(f"sink {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert rows(dsn, "SELECT sum(epoch) FROM sink_offset") == [(6 * 4 * 30,)]
