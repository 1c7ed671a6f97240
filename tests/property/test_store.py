"""The tables are a function of the set of facts: the real SQL on a real PostgreSQL."""

import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from posttrail_sinks.upkeep import give_up_waiting

from posttrail.identity import SECOND
from posttrail.records import AnyFact
from tests.stories import Mail, refusals, town
from tests.tables import Store

pytestmark = pytest.mark.postgres
seeds = st.integers(0, 1 << 30)
few = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    made = Store(dsn)
    yield made
    made.close()


def _facts(rng: random.Random, mails: list[Mail]) -> list[AnyFact]:
    return [fact for mail in mails for fact in mail.facts] + refusals(rng, 5)


def _sent_twice(rng: random.Random, facts: list[AnyFact]) -> list[AnyFact]:
    """Some of the lines once more, as a shipper that delivers at least once sends them.

    None with a stamp in whole seconds: that may be another line.
    """
    some = [fact for fact in rng.sample(facts, len(facts) // 3) if fact.t % SECOND]
    return [
        msgspec.structs.replace(fact, origin=(fact.origin[0], fact.origin[1] + 1_000_000))
        for fact in some
    ]


def _batches(rng: random.Random, facts: list[AnyFact]) -> list[list[AnyFact]]:
    cuts = sorted(rng.sample(range(len(facts)), min(len(facts) - 1, rng.randrange(1, 8))))
    return [
        facts[start:end] for start, end in zip([0, *cuts], [*cuts, len(facts)], strict=True)
    ]  # fmt: skip


def _write_in_disorder(rng: random.Random, store: Store, facts: list[AnyFact]) -> None:
    """Shuffled, some twice, in batches of any size, with crashes and impatience in between."""
    shuffled = facts + rng.sample(facts, len(facts) // 3)
    rng.shuffle(shuffled)
    for batch in _batches(rng, shuffled):
        if rng.random() < 0.2:
            store.write_and_crash(batch)
        if rng.random() < 0.2:
            store.now += 3600 * SECOND
            give_up_waiting(store.connection, store.writer)
        store.write(batch)


@few
@given(seeds)
def test_any_order_repetition_and_batching_gives_the_same_rows(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    facts = _facts(rng, town(rng))
    store.empty()
    store.write(facts)
    in_order = store.dump()
    store.empty()

    _write_in_disorder(rng, store, facts)

    assert in_order == store.dump()


@few
@given(seeds)
def test_lines_that_were_sent_twice_give_one_row_in_any_order(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    facts = _facts(rng, town(rng))
    store.empty()
    store.write(facts)
    once = _without_origins(store)
    facts += _sent_twice(rng, facts)
    store.empty()
    store.write(facts)
    in_order = store.dump()
    twice = _without_origins(store)
    store.empty()

    _write_in_disorder(rng, store, facts)

    assert once == twice
    assert in_order == store.dump()


def _without_origins(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """What the rows say of the mails: all but which line said it."""
    return {
        "delivery_from": store.ask(
            "SELECT to_jsonb(f) - '{line_ids,status_order,reason_order}'::text[] "
            "FROM delivery_from AS f ORDER BY 1"
        ),
        "delivery_to": store.ask(
            "SELECT to_jsonb(r) - '{attempts,origin_partition,origin_offset}'::text[], "
            "(SELECT jsonb_agg(a - 'origin') FROM jsonb_array_elements(r.attempts) AS a) "
            "FROM delivery_to AS r ORDER BY 1"
        ),
        "noqueue": store.ask(
            "SELECT to_jsonb(n) - '{origin_partition,origin_offset}'::text[] "
            "FROM noqueue AS n ORDER BY 1"
        ),
    }


@few
@given(seeds)
def test_every_mail_has_one_row_and_all_its_recipients(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    mails = town(rng)
    store.empty()

    _write_in_disorder(rng, store, _facts(rng, mails))

    found = store.ask(
        "SELECT queue_id, host, instance, (extract(epoch FROM born) * 1000000)::bigint, "
        "(SELECT array_agg(recipient ORDER BY recipient) FROM delivery_to AS r "
        "WHERE (r.queue_id, r.host, r.instance, r.born) = (f.queue_id, f.host, f.instance, f.born))"
        " FROM delivery_from AS f"
    )
    assert sorted(map(repr, found)) == sorted(
        repr((*mail.key, _recipients(mail) or None)) for mail in mails
    )


def _recipients(mail: Mail) -> list[str]:
    pairs = {
        (fact.recipient, getattr(fact, "orig_recipient", None))
        for fact in mail.facts
        if hasattr(fact, "recipient")
    }
    return sorted(recipient for recipient, _ in pairs)


@few
@given(seeds)
def test_merging_in_python_and_in_sql_is_the_same(store: Store, seed: int) -> None:
    """All facts in one batch are merged by Python, each in a batch of its own by SQL."""
    rng = random.Random(seed)
    facts = _facts(rng, town(rng)[-3:])
    store.empty()
    store.write(facts)
    by_python = store.dump()
    store.empty()
    rng.shuffle(facts)

    for fact in facts:
        store.write([fact])

    assert by_python == store.dump()


@few
@given(seeds)
def test_what_is_known_is_not_written_again(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    facts = _facts(rng, town(rng))
    store.empty()
    store.write(facts)
    rng.shuffle(facts)

    again = store.write(facts)

    assert set(again.rows.values()) <= {0}
