"""Mails of one short id are told apart, in whatever order their lines come."""

import random
from itertools import count

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from posttrail_sinks.generations import assign, fact_id
from posttrail_sinks.policy import DAY

from posttrail.identity import SECOND
from tests.stories import same_id_again

LIFETIME = 7 * DAY
seeds = st.integers(0, 1 << 30)


@given(seeds, st.integers(1, 6))
def test_mails_that_had_the_same_id_are_told_apart(seed: int, times: int) -> None:
    rng = random.Random(seed)
    mails = same_id_again(rng, count(), "mx1", times)
    facts = [fact for mail in mails for fact in mail.facts]
    rng.shuffle(facts)

    found = assign(facts, LIFETIME)

    assert [generation.born for generation in found] == [mail.born for mail in mails]
    assert [{fact_id(fact) for fact in generation.facts} for generation in found] == [
        {fact_id(fact) for fact in mail.facts} for mail in mails
    ]


@given(seeds)
def test_stamps_in_whole_seconds_tell_them_apart_too(seed: int) -> None:
    rng = random.Random(seed)
    mails = same_id_again(rng, count(), "mx1", 4)
    facts = [
        msgspec.structs.replace(fact, t=fact.t // SECOND * SECOND)
        for mail in mails
        for fact in mail.facts
    ]
    whose = {fact_id(fact): n for n, mail in enumerate(mails) for fact in mail.facts}
    rng.shuffle(facts)

    found = assign(facts, LIFETIME)

    assert [{whose[fact_id(fact)] for fact in generation.facts} for generation in found] == [
        {n} for n in range(len(mails))
    ]
    assert all(
        abs(generation.born - mail.born) <= SECOND
        for generation, mail in zip(found, mails, strict=True)
    )


@given(seeds)
def test_births_of_one_id_only_rise(seed: int) -> None:
    """Even if half of the lines are missing, no two mails get the same key."""
    rng = random.Random(seed)
    facts = [fact for mail in same_id_again(rng, count(), "mx1", 5) for fact in mail.facts]
    some = rng.sample(facts, len(facts) // 2)

    births = [generation.born for generation in assign(some, LIFETIME)]

    assert births == sorted(set(births))


@given(seeds)
def test_lines_that_are_logged_milliseconds_late_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    mails = same_id_again(rng, count(), "mx1", 4)
    facts = [
        msgspec.structs.replace(fact, t=fact.t + rng.randrange(2000))
        for mail in mails
        for fact in mail.facts
    ]

    found = assign(facts, LIFETIME)

    assert [generation.born for generation in found] == [mail.born for mail in mails]
    assert [{fact_id(fact) for fact in generation.facts} for generation in found] == [
        {fact_id(fact) for fact in mail.facts} for mail in mails
    ]
