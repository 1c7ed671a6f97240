"""A database of an older version becomes one of this version while sinks write to it."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, count, islice

import pytest
from posttrail_sinks.migrate import migrate

from posttrail.identity import SECOND
from posttrail.records import AnyFact, NoqueueFact
from tests.old_schema import OLD, old_schema
from tests.stories import START, long_id, short_id, tell
from tests.tables import Store

pytestmark = pytest.mark.postgres

OLDEST = "0005_lines"
"""The oldest schema that the sinks of today can write to."""
WRITERS = 2
DAYS = 3
BATCHES_BEFORE = 5
BATCHES_AFTER = 5
PATIENCE_S = 10.0
"""No write may take longer; a migration lets others wait for 2 s at a time."""

Batch = list[AnyFact]


def batches(host: str) -> Iterator[Batch]:
    """Mails and refusals of some days, more and more of them of days that are new."""
    rng = random.Random(host)
    origins = count(1)
    for number in count():
        batch: Batch = []
        for n in range(6):
            day = n % (DAYS + min(number // BATCHES_BEFORE, 2))
            born = START + (day * 86_400 + number) * SECOND + rng.randrange(SECOND)
            queue_id = rng.choice([long_id, short_id])(born, n)
            batch += tell(rng, origins, (host, "postfix", queue_id), born).facts
            refused = NoqueueFact(
                t=born, host=host, origin=(0, next(origins)), instance="postfix",
                component="smtpd", action="reject", recipient="x@example.org",
            )  # fmt: skip
            batch.append(refused)
        yield batch


def write_on(store: Store, told: Iterator[Batch], upgrade: Future[list[str]]) -> list[float]:
    """Batch after batch, and some when it is over; how long each took in seconds."""
    took = []
    left = BATCHES_AFTER
    while left:
        left -= upgrade.done()
        began = time.monotonic()
        store.write(next(told))
        took.append(time.monotonic() - began)
    return took


def index_definitions(store: Store, schema: str) -> list[tuple[str, str, bool]]:
    """Of every table and day, without names, which may differ."""
    return store.ask(
        "SELECT c.relname, "
        "regexp_replace(pg_get_indexdef(x.indexrelid), ' INDEX .*? USING', ' USING') AS words, "
        "x.indisvalid FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid "
        "WHERE c.relnamespace = %s::regnamespace ORDER BY 1, 2",
        (schema,),
    )


def test_sinks_write_on_while_the_schema_is_upgraded(dsn: str) -> None:
    there = old_schema(dsn, OLDEST)
    hosts = [f"mx{n}" for n in range(WRITERS)]
    told = {host: batches(host) for host in hosts}
    with closing(Store(there)) as store, ThreadPoolExecutor(WRITERS + 1) as pool:
        for host in hosts:
            for _ in range(BATCHES_BEFORE):
                store.write(next(told[host]))
        stores = [Store(there) for _ in hosts]
        upgrade = pool.submit(migrate, dsn, OLD)
        writers = [
            pool.submit(write_on, writer, told[host], upgrade)
            for host, writer in zip(hosts, stores, strict=True)
        ]
        applied = upgrade.result(120)
        took = [writer.result(120) for writer in writers]
        for writer in stores:
            writer.close()

        assert applied[0] == "0006_search"
        assert max(max(each) for each in took) < PATIENCE_S
        assert min(len(each) for each in took) > BATCHES_AFTER
        with closing(Store(dsn)) as fresh:
            for host, each in zip(hosts, took, strict=True):
                fresh.write(chain(*islice(batches(host), BATCHES_BEFORE + len(each))))
            assert store.dump() == fresh.dump()
            assert index_definitions(fresh, OLD) == index_definitions(fresh, "public")
