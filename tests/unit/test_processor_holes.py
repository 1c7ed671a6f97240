"""A loss of lines is told from the markers that a fetch passes over."""

from posttrail_processors.holes import Hole, Holes, lost

TP = ("maillog.raw", 3)
OTHER = ("maillog.raw", 4)


def sought(committed: int | None) -> Holes:
    holes = Holes()
    holes.sought({TP: committed})
    return holes


def test_records_that_follow_each_other_leave_no_hole() -> None:
    assert sought(5).before({TP: 5}, {TP: 9}) == {}


def test_what_lies_before_the_first_record_is_a_hole() -> None:
    assert sought(5).before({TP: 8}, {TP: 9}) == {TP: Hole(5, 8)}


def test_a_position_that_moved_without_a_record_leaves_a_hole() -> None:
    assert sought(5).before({}, {TP: 9}) == {TP: Hole(5, 9)}


def test_a_position_that_is_not_known_yet_leaves_none() -> None:
    assert sought(5).before({}, {TP: None}) == {}


def test_nothing_is_missing_before_the_first_commit() -> None:
    assert sought(None).before({TP: 800}, {TP: 900}) == {}


def test_what_was_reached_is_no_hole_later() -> None:
    holes = sought(5)
    holes.reached({TP: 9, OTHER: None})

    assert holes.before({TP: 9}, {TP: 10}) == {}


def test_a_new_start_forgets_what_was_reached() -> None:
    holes = sought(5)
    holes.reached({TP: 9, OTHER: 4})
    holes.sought({TP: 7})

    assert holes.before({TP: 8, OTHER: 6}, {}) == {TP: Hole(7, 8)}


def test_a_hole_that_the_broker_still_keeps_is_markers() -> None:
    assert lost({TP: Hole(5, 8)}, {TP: 5}) == {}


def test_only_the_part_that_is_gone_is_lost() -> None:
    assert lost({TP: Hole(5, 80)}, {TP: 60}) == {TP: Hole(5, 60)}


def test_what_goes_after_it_was_read_is_not_lost() -> None:
    assert lost({TP: Hole(5, 8)}, {TP: 60}) == {TP: Hole(5, 8)}
