"""An offset is committed only when everything before it was handed on."""

from collections.abc import Sequence

import msgspec
import pytest
from posttrail_processors.progress import Batch, Progress

from posttrail.errors import Retry

TP = ("maillog.raw", 3)
OTHER = ("maillog.raw", 4)


class Line(msgspec.Struct, frozen=True):
    offset: int
    key: bytes | None = b"mx1"
    value: bytes | None = b"a line"
    timestamp: int | None = 1_574_871_562_000


def lines(*offsets: int) -> list[Line]:
    return [Line(offset) for offset in offsets]


def assigned(committed: int | None = None) -> Progress:
    progress = Progress()
    progress.assigned([TP])
    progress.sought({TP: committed}, 1)
    return progress


def taken(progress: Progress, *offsets: int, position: int | None = None) -> Batch:
    """The batch of a poll that gave these offsets."""
    [batch] = take(progress, lines(*offsets), position)
    return batch


def take(progress: Progress, records: Sequence[Line], position: int | None) -> list[Batch]:
    batches = progress.take({TP: records} if records else {}, {TP: position}, progress.epoch)
    return batches.get(TP, [])


def test_a_poll_gives_one_batch_for_each_partition() -> None:
    progress = Progress()
    progress.assigned([TP, OTHER])
    progress.sought({TP: 5, OTHER: None}, 1)

    batches = progress.take({TP: lines(5, 6, 7), OTHER: lines(0)}, {}, 1)

    assert batches == {
        TP: [Batch(TP, 5, 8, lines(5, 6, 7), 1)],
        OTHER: [Batch(OTHER, 0, 1, lines(0), 1)],
    }


def test_nothing_is_committed_before_it_is_delivered() -> None:
    progress = assigned(committed=5)

    taken(progress, 5, 6)

    assert progress.uncommitted() == {}


def test_what_is_delivered_is_committed_once() -> None:
    progress = assigned(committed=5)
    progress.delivered(taken(progress, 5, 6))

    offsets = progress.uncommitted()
    progress.committed(offsets)

    assert offsets == {TP: 7}
    assert progress.uncommitted() == {}


def test_a_refused_commit_is_tried_again() -> None:
    progress = assigned(committed=5)
    progress.delivered(taken(progress, 5, 6))
    progress.uncommitted()

    assert progress.uncommitted() == {TP: 7}


def test_aborted_lines_between_batches_are_passed_over() -> None:
    progress = assigned(committed=5)
    progress.delivered(taken(progress, 5, 6))
    progress.delivered(taken(progress, 20, 21))

    assert progress.uncommitted() == {TP: 22}


def test_a_marker_behind_the_last_line_is_committed_with_it() -> None:
    progress = assigned(committed=5)

    progress.delivered(taken(progress, 5, 6, position=8))

    assert progress.uncommitted() == {TP: 8}


def test_a_marker_read_after_the_last_line_is_committed_too() -> None:
    progress = assigned(committed=5)
    progress.delivered(taken(progress, 5, 6))

    take(progress, [], position=8)

    assert progress.uncommitted() == {TP: 8}


def test_a_marker_is_not_committed_while_lines_before_it_are_in_hand() -> None:
    progress = assigned(committed=5)
    batch = taken(progress, 5, 6)

    take(progress, [], position=8)

    assert progress.uncommitted() == {}
    progress.delivered(batch)
    assert progress.uncommitted() == {TP: 7}


def test_a_batch_that_was_lost_on_its_way_ends_the_worker() -> None:
    progress = assigned(committed=5)
    taken(progress, 5, 6)
    later = taken(progress, 7, 8)

    with pytest.raises(Retry, match="offsets 5 to 7"):
        progress.delivered(later)
    assert progress.uncommitted() == {}


def test_the_first_batch_ever_cannot_be_lost_either() -> None:
    progress = assigned(committed=None)
    taken(progress, 0, 1)
    later = taken(progress, 2)

    with pytest.raises(Retry):
        progress.delivered(later)


def test_a_batch_of_before_a_rebalance_is_good_while_it_joins_up() -> None:
    progress = assigned(committed=5)
    before = taken(progress, 5, 6)
    progress.assigned([TP])
    progress.sought({TP: 5}, 2)
    taken(progress, 5, 6, 7, 8)

    progress.delivered(before)

    assert progress.uncommitted() == {TP: 7}, "7 and 8 are still in hand"


def test_a_batch_of_before_a_rebalance_behind_a_commit_that_was_refused_is_read_again() -> None:
    """Slow facts, a rebalance that did not wait for them, and a commit that came too late."""
    progress = assigned(committed=5)
    progress.delivered(taken(progress, 5, 6))
    before = taken(progress, 7, 8)
    progress.sought({TP: 5}, 2)
    again = taken(progress, 5, 6, 7, 8)

    progress.delivered(before)
    assert progress.uncommitted() == {}

    progress.delivered(again)
    assert progress.uncommitted() == {TP: 9}


def test_a_batch_of_a_partition_that_went_to_another_worker_is_not_committed() -> None:
    progress = assigned(committed=5)
    before = taken(progress, 5, 6)
    progress.assigned([OTHER])

    progress.delivered(before)

    assert progress.uncommitted() == {}


def test_a_batch_that_another_worker_went_past_moves_nothing_back() -> None:
    progress = assigned(committed=5)
    before = taken(progress, 5, 6)
    progress.sought({TP: 300}, 2)

    progress.delivered(before)

    assert progress.uncommitted() == {}


def test_a_poll_of_before_a_rebalance_is_thrown_away() -> None:
    progress = assigned(committed=5)
    progress.sought({TP: 300}, 2)

    assert progress.take({TP: lines(5, 6)}, {TP: 7}, 1) == {}
    assert taken(progress, 300).start == 300


def test_a_poll_that_nobody_announced_ends_the_worker() -> None:
    progress = assigned(committed=5)

    with pytest.raises(Retry):
        progress.take({TP: lines(5, 6)}, {TP: 7}, 2)


def test_offsets_that_are_gone_are_a_batch_before_the_others() -> None:
    progress = assigned(committed=5)

    batches = progress.take({TP: lines(40, 41)}, {TP: 42}, 1, {TP: (5, 40)})

    lost, rest = batches[TP]
    assert lost == Batch(TP, 5, 40, (), 1, is_lost=True)
    assert rest == Batch(TP, 40, 42, lines(40, 41), 1)
    progress.delivered(lost)
    assert progress.uncommitted() == {TP: 40}
    progress.delivered(rest)
    assert progress.uncommitted() == {TP: 42}


def test_offsets_that_are_gone_are_not_passed_over_before_they_are_told() -> None:
    progress = assigned(committed=5)

    [lost] = progress.take({}, {TP: 40}, 1, {TP: (5, 40)})[TP]

    assert progress.uncommitted() == {}
    progress.delivered(lost)
    assert progress.uncommitted() == {TP: 40}


def test_offsets_that_are_gone_join_up_with_markers_before_them() -> None:
    progress = assigned(committed=5)

    [lost] = progress.take({}, {}, 1, {TP: (7, 40)})[TP]
    progress.delivered(lost)

    assert progress.uncommitted() == {TP: 40}


def test_lines_may_be_gone_of_a_partition_without_a_commit() -> None:
    progress = assigned(committed=None)

    [lost] = progress.take({}, {}, 1, {TP: (0, 40)})[TP]
    progress.delivered(lost)

    assert progress.uncommitted() == {TP: 40}


def test_a_batch_shows_no_line() -> None:
    assert repr(taken(assigned(5), 5, 6)) == "Batch(('maillog.raw', 3), 5, 7)"
