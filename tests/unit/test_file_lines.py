"""Bytes become lines: sizes add up, huge lines are cut, nothing else changes."""

from posttrail_producers.lines import MOST_BYTES, TAIL, Lines


def test_lines_come_whole_however_the_bytes_arrive() -> None:
    lines = Lines()
    for part in (b"on", b"e\ntw", b"o\n\nthr"):
        lines.feed(part)
    chunk = lines.take(10)
    assert chunk.lines == [b"one", b"two", b""]
    assert chunk.size == len(b"one\ntwo\n\n")
    assert lines.rest_size == 3


def test_no_more_lines_are_taken_than_asked_for() -> None:
    lines = Lines()
    lines.feed(b"1\n2\n3\n")
    assert lines.take(2).lines == [b"1", b"2"]
    assert lines.take(2).lines == [b"3"]
    assert not lines.waiting


def test_the_tail_is_the_end_of_what_was_taken() -> None:
    lines = Lines(b"before ")
    lines.feed(b"1\n2\n3\n")
    assert lines.take(2).tail == b"before 1\n2\n"
    lines.feed(b"x" * 5000 + b"\n")
    assert lines.take(9).tail == b"x" * (TAIL - 1) + b"\n"


def test_a_line_of_megabytes_is_cut_in_bounded_memory() -> None:
    lines = Lines()
    lines.feed(b"1\nab")
    for _ in range(100):
        lines.feed(b"x" * 65536)
    assert lines.rest_size == 2 + 100 * 65536
    lines.feed(b"cd\n2\n")
    chunk = lines.take(9)
    assert chunk.lines[0] == b"1"
    assert chunk.lines[1] == b"ab" + b"x" * (MOST_BYTES - 2)
    assert chunk.lines[2] == b"2"
    length = 4 + 100 * 65536
    assert chunk.size == len(b"1\n") + length + 1 + len(b"2\n")
    (cut,) = chunk.cuts
    assert (cut.at, cut.length, cut.lost) == (1, length, length - MOST_BYTES)
    assert chunk.tail == (b"x" * TAIL + b"cd\n2\n")[-TAIL:]


def test_megabytes_of_nuls_before_a_line_are_no_line() -> None:
    lines = Lines()
    for _ in range(32):
        lines.feed(b"\0" * 65536)
    lines.feed(b"\0abc\n")
    chunk = lines.take(9)
    assert chunk.lines == [b"abc"]
    assert chunk.size == 32 * 65536 + 5
    assert [cut.lost for cut in chunk.cuts] == [0]


def test_a_cut_line_is_found_again_when_it_is_taken_later() -> None:
    lines = Lines()
    lines.feed(b"1\n2\n" + b"x" * 65536)
    for _ in range(10):
        lines.feed(b"x" * 65536)
    lines.feed(b"\n3\n")
    assert lines.take(1).cuts == []
    chunk = lines.take(9)
    assert [cut.at for cut in chunk.cuts] == [1]
    assert chunk.size == len(b"2\n") + 11 * 65536 + 1 + len(b"3\n")


def test_the_rest_can_be_taken_as_a_line() -> None:
    lines = Lines(b"before ")
    lines.feed(b"1\n23")
    lines.take(9)
    chunk = lines.take_rest()
    assert (chunk.lines, chunk.size, chunk.tail) == ([b"23"], 2, b"before 1\n23")
    assert lines.take_rest().lines == []
