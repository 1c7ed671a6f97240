"""A dead letter comes back from its record as it went in."""

import msgspec
import pytest

from posttrail import __version__
from posttrail.dead_letters import MAX_REASON_BYTES, DeadLetter, headers, read
from posttrail.errors import Poison

LETTER = DeadLetter(
    value=b"\x00 no text at all \xff",
    key=b"mx1",
    reason="unknown shape",
    stage="process",
    topic="maillog.raw",
    origin=(3, 1234567890123),
    received=1574871562000,
)


def test_a_letter_comes_back_as_it_went_in() -> None:
    assert read(LETTER.key, LETTER.value, headers(LETTER), LETTER.received) == LETTER


def test_a_letter_names_the_version_that_gave_up() -> None:
    assert ("version", __version__.encode()) in headers(LETTER)


def test_a_long_reason_is_cut() -> None:
    long = msgspec.structs.replace(LETTER, reason="x" * 100_000)

    assert dict(headers(long))["reason"] == b"x" * MAX_REASON_BYTES


@pytest.mark.parametrize("lost", ["stage", "origin-topic", "origin-partition", "origin-offset"])
def test_a_record_without_its_headers_is_no_letter(lost: str) -> None:
    kept = [(name, value) for name, value in headers(LETTER) if name != lost]

    with pytest.raises(Poison, match="not a dead letter"):
        read(None, b"", kept, None)


def test_a_letter_of_an_unknown_stage_is_refused() -> None:
    changed = [(name, b"x" if name == "stage" else value) for name, value in headers(LETTER)]

    with pytest.raises(Poison, match="unknown stage"):
        read(None, b"", changed, None)
