"""Cursors: which entry is meant, and what is missing behind it."""

import pytest
from posttrail_producers.journal_cursor import Missing, missing, parse_cursor, same_entry

FILE, OTHER_FILE, BOOT = "a" * 32, "b" * 32, "c" * 32


def cursor(number: int, sequence: str = FILE, content: str = "1f") -> str:
    return f"s={sequence};i={number:x};b={BOOT};m={number:x}00;t=6ba20a351573c;x={content}"


def test_a_cursor_comes_apart() -> None:
    found = parse_cursor(cursor(26))
    assert (found.sequence, found.number, found.boot) == (FILE, 26, BOOT)
    assert (found.monotonic, found.micros) == (26 * 256, 0x6BA20A351573C)


@pytest.mark.parametrize("text", ["", "x", cursor(1) + ";", cursor(1).upper(), cursor(1)[2:]])
def test_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="not a journal cursor"):
        parse_cursor(text)


def test_an_entry_is_the_same_by_its_number_in_one_sequence() -> None:
    assert same_entry(cursor(1), cursor(1))
    assert not same_entry(cursor(1), cursor(2))


def test_a_copy_in_another_file_is_the_same_entry() -> None:
    assert same_entry(cursor(1), cursor(1, OTHER_FILE, content="001f"))
    assert not same_entry(cursor(1), cursor(1, OTHER_FILE, content="2f"))


def test_nothing_is_missing_when_the_next_number_follows() -> None:
    assert missing(cursor(5), cursor(5), cursor(6)) is None


def test_nothing_is_missing_at_the_end() -> None:
    assert missing(cursor(5), cursor(5), None) is None


def test_nothing_is_missing_when_only_the_entry_itself_is_gone() -> None:
    assert missing(cursor(5), cursor(6), None) is None


def test_numbers_between_the_place_and_the_first_entry_are_missing() -> None:
    assert missing(cursor(5), cursor(9), None) == Missing(3)


def test_numbers_between_the_entry_and_the_one_after_it_are_missing() -> None:
    assert missing(cursor(5), cursor(5), cursor(16)) == Missing(10)


def test_nobody_knows_how_many_are_missing_when_another_sequence_follows() -> None:
    assert missing(cursor(5), cursor(9, OTHER_FILE), None) == Missing(None)


def test_another_sequence_behind_the_entry_itself_says_nothing() -> None:
    assert missing(cursor(5), cursor(5), cursor(9, OTHER_FILE)) is None
