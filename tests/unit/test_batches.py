"""Records become batches: in order, each once, with the offsets that they cover."""

import msgspec
import pytest
from posttrail_sinks.batches import Collector
from posttrail_sinks.offsets import Claim, Span

from posttrail.records import FromFact, encode_fact


class Record(msgspec.Struct):
    """A record without a Kafka."""

    where: int
    at: int
    text: bytes | None

    def partition(self) -> int:
        return self.where

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes:
        return b"mx1/postfix/A0001"

    def value(self) -> bytes | None:
        return self.text

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


def record(partition: int, offset: int) -> Record:
    fact = FromFact(
        t=offset, host="mx1", origin=(0, offset), instance="postfix", component="qmgr",
        queue_id="A0001",
    )  # fmt: skip
    return Record(partition, offset, encode_fact(fact))


@pytest.fixture
def collector() -> Collector:
    collecting = Collector()
    collecting.claimed([Claim(0, 7, 10), Claim(1, 3, 0)])
    return collecting


def offsets(collecting: Collector) -> list[tuple[int | None, int | None]]:
    return [(message.partition(), message.offset()) for message in collecting.take().messages]


def test_a_batch_holds_facts_and_the_spans_they_came_from(collector: Collector) -> None:
    collector.add([record(0, 10), record(1, 0), record(0, 11)])

    batch = collector.take()

    assert [fact.t for fact in batch.facts] == [10, 0, 11]
    assert batch.spans == (Span(0, 7, 10, 12), Span(1, 3, 0, 1))


def test_the_next_batch_starts_where_the_last_one_ended(collector: Collector) -> None:
    collector.add([record(0, 10)])
    collector.take()
    collector.add([record(0, 11)])

    assert collector.take().spans == (Span(0, 7, 11, 12),)


def test_nothing_read_is_a_batch_without_spans(collector: Collector) -> None:
    assert collector.take().spans == ()


def test_offsets_that_the_topic_left_out_are_covered(collector: Collector) -> None:
    collector.add([record(0, 15), record(0, 19)])

    assert collector.take().spans == (Span(0, 7, 10, 20),)


def test_records_of_partitions_that_are_not_claimed_are_passed_over(collector: Collector) -> None:
    collector.add([record(5, 0), record(0, 10)])

    assert offsets(collector) == [(0, 10)]


def test_records_from_before_the_claim_are_passed_over(collector: Collector) -> None:
    collector.add([record(0, 8), record(0, 9), record(0, 10), record(0, 10)])

    assert offsets(collector) == [(0, 10)]


@pytest.mark.parametrize(
    "text", [b"{", b"", None, b'{"type":"from"}', b'{"type":"other"}', b"\xff"]
)
def test_what_is_no_fact_is_set_apart_and_covered(collector: Collector, text: bytes | None) -> None:
    collector.add([Record(0, 10, text), record(0, 11)])

    batch = collector.take()

    assert len(batch.facts) == len(batch.undecodable) == 1
    assert batch.undecodable[0].reason.startswith("not a fact")
    assert batch.spans == (Span(0, 7, 10, 12),)


def test_a_partition_given_up_takes_its_records_along(collector: Collector) -> None:
    collector.add([record(0, 10), record(1, 0), Record(0, 11, b"{")])

    collector.dropped({0})

    batch = collector.take()
    assert [message.partition() for message in batch.messages] == [1]
    assert batch.undecodable == []
    assert batch.spans == (Span(1, 3, 0, 1),)


def test_a_partition_claimed_again_starts_where_the_new_claim_stands(collector: Collector) -> None:
    collector.add([record(0, 10), record(0, 11)])
    collector.dropped({0})
    collector.claimed([Claim(0, 9, 11)])
    collector.add([record(0, 10), record(0, 11)])

    batch = collector.take()

    assert batch.spans == (Span(0, 9, 11, 12),)
    assert len(batch.facts) == 1


def test_a_batch_put_back_is_cut_anew_with_what_came_after_it(collector: Collector) -> None:
    collector.add([record(0, 10), Record(1, 0, b"{")])
    batch = collector.take()
    collector.add([record(1, 1), record(0, 11)])

    collector.put_back(batch)

    again = collector.take()
    assert [fact.t for fact in again.facts] == [10, 1, 11]
    assert [refused.message.offset() for refused in again.undecodable] == [0]
    assert again.spans == (Span(0, 7, 10, 12), Span(1, 3, 0, 2))


def test_a_partition_given_up_leaves_a_batch_that_was_put_back(collector: Collector) -> None:
    collector.add([record(0, 10), record(1, 0)])
    collector.put_back(collector.take())

    collector.dropped({0})

    assert collector.take().spans == (Span(1, 3, 0, 1),)
