"""A real log as three hosts with the same short ids, and again three hours later."""

import gzip
import random
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from posttrail_processors.lines import Rules, read_line

from posttrail.identity import SECOND
from posttrail.records import AnyFact
from tests.tables import Store

pytestmark = pytest.mark.postgres
SAMPLE = Path(__file__).parents[2] / "samples" / "mail.log.gz"
HOSTS = ("mx1", "mx2", "mx3")
THREE_HOURS = 3 * 3600 * SECOND
MAILS = """
SELECT
    f.queue_id, f.born - %(shift)s, f.t_first - %(shift)s, f.t_last - %(shift)s,
    f.removed_at - %(shift)s, f.sender, f.size, f.nrcpt, f.message_id, f.client_name,
    f.client_addr, f.uid, f.subject, f.status, f.reason, f.bounce_ids, f.partial,
    r.recipient, r.orig_recipient, r.t - %(shift)s, r.status, r.relay, r.delays, r.dsn, r.response,
    r.next_queue_id, r.attempt_count
FROM delivery_from AS f
LEFT JOIN delivery_to AS r USING (queue_id, host, instance, born)
WHERE f.host = %(host)s AND f.born BETWEEN instant(%(first)s) AND instant(%(last)s)
ORDER BY f.queue_id, f.born, r.recipient, r.orig_recipient
"""


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with closing(Store(dsn)) as made:
        yield made


def _sample() -> list[AnyFact]:
    with gzip.open(SAMPLE) as log:
        lines = enumerate(log.read().splitlines())
    return [fact for n, text in lines for fact in read_line(text, (0, n), Rules()).facts]


def _copy(facts: list[AnyFact], number: int, host: str, later: int) -> list[AnyFact]:
    """The same lines from another host, or later; each with an origin of its own."""
    return [
        msgspec.structs.replace(
            fact, host=host, t=fact.t + later, origin=(0, fact.origin[1] + number * 1_000_000),
            **({"removed_at": fact.t + later} if getattr(fact, "removed_at", None) else {}),
        )
        for fact in facts
    ]  # fmt: skip


def _mails(store: Store, first: int, host: str, later: int) -> list[tuple[object, ...]]:
    start = first + later - 10 * SECOND
    shift = f"{later // SECOND} seconds"
    bounds = {"shift": shift, "host": host, "first": start, "last": start + THREE_HOURS - SECOND}
    return store.ask(MAILS.replace("%(shift)s", "%(shift)s::interval"), bounds)


def test_every_mail_is_exact_and_no_row_is_mixed(store: Store) -> None:
    sample = _sample()
    first = sample[0].t
    store.now = first + 2 * THREE_HOURS
    copies = [(host, later) for later in (0, THREE_HOURS) for host in HOSTS]
    store.write(_copy(sample, 0, "alone", 0))
    alone = _mails(store, first, "alone", 0)
    facts = [
        fact for n, (host, later) in enumerate(copies, 1) for fact in _copy(sample, n, host, later)
    ]
    # The later copy may come first: no order of import may matter.
    random.Random(1).shuffle(facts)
    rest = iter(facts)
    while batch := list(islice(rest, 10_000)):
        store.write(batch)

    assert len(alone) > 1800
    for host, later in copies:
        assert _mails(store, first, host, later) == alone
    assert store.ask("SELECT count(*) FROM delivery_from") == [
        (7 * len({(row[0], row[1]) for row in alone}),)
    ]
