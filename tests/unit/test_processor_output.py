"""Records that are larger than the broker takes find their place."""

import pytest
from posttrail_processors.output import cut, letter_of_fact
from posttrail_processors.reading import Outgoing, outgoing_fact, outgoing_letter

from posttrail.dead_letters import DeadLetter, read
from posttrail.errors import NotReady
from posttrail.records import FromFact, decode_fact


def back(record: Outgoing) -> DeadLetter:
    return read(record.key, record.value, record.headers, record.timestamp)


def test_a_fact_that_is_too_large_becomes_a_letter_that_holds_it() -> None:
    fact = FromFact(
        t=1, host="mx1", instance="postfix", component="qmgr", queue_id="2F0AC", origin=(3, 10),
        subject="x" * 10_000,
    )  # fmt: skip

    letter = back(letter_of_fact(outgoing_fact(fact), "maillog.deliveries"))

    assert decode_fact(letter.value) == fact
    assert (letter.stage, letter.topic, letter.origin) == ("sink", "maillog.deliveries", (3, 10))
    assert letter.key == b"mx1/postfix/2F0AC"


def letter(value: bytes) -> Outgoing:
    return outgoing_letter(
        DeadLetter(
            value=value, key=b"mx1", reason="unknown shape", stage="process", topic="maillog.raw",
            origin=(3, 10), received=5,
        )
    )  # fmt: skip


def test_a_letter_that_is_too_large_is_cut_and_says_so() -> None:
    found = back(cut(letter(b"x" * 3_000_000)))

    assert found.value == b"x" * 1_500_000
    assert found.reason == (
        "cut to 1500000 bytes, it was larger than the broker takes; unknown shape"
    )
    assert (found.origin, found.received) == ((3, 10), 5)


def test_a_topic_that_takes_nothing_is_for_a_person_to_mend() -> None:
    with pytest.raises(NotReady, match=r"raise its max\.message\.bytes"):
        cut(letter(b"x" * 1000))
