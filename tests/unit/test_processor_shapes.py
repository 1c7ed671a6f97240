"""Dead letters are told by shape; a shape names nobody."""

import pytest
from posttrail_processors.shapes import groups, shape

from posttrail.dead_letters import DeadLetter, Stage


def letter(
    value: bytes, *, stage: Stage = "process", reason: str = "why", received: int | None = 5
) -> DeadLetter:
    return DeadLetter(
        value=value, key=b"mx1", reason=reason, stage=stage, topic="maillog.raw", origin=(0, 7),
        received=received,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b'mx1 postfix/smtpd[1]: 4B1C2D3E4F: new: mail from a.example[192.0.2.1] <anna> "x"',
            'postfix/smtpd: N: new: mail from NAME[…] <…> "…"',
        ),
        (
            b"Nov 27 16:19:22 mx1 postfix-out/submission/smtpd[1]: warning: anna@example.com: 17 s",
            "postfix-out/submission/smtpd: warning: ADDRESS: N s",
        ),
        (b"no tag, 192.0.2.1", "no tag, NAME"),
        (b"\x1b[31m\xff", "\N{REPLACEMENT CHARACTER}[N\N{REPLACEMENT CHARACTER}"),
        (b"", ""),
    ],
)
def test_a_shape_has_placeholders_for_all_particulars(line: bytes, expected: str) -> None:
    assert shape(letter(line)) == expected


def test_a_shape_is_short() -> None:
    assert len(shape(letter(b"x " * 500_000))) == 160


def test_a_fact_is_told_by_its_type() -> None:
    assert shape(letter(b'{"type":"noqueue","t":1}', stage="sink")) == "a fact of type noqueue"
    assert shape(letter(b"\x00", stage="sink")) == "not a fact"


def test_letters_of_one_shape_are_one_group() -> None:
    first = letter(b"mx1 postfix/smtpd[1]: strange 17", received=30)
    second = letter(b"mx2 postfix/smtpd[2]: strange 18", received=10)
    other = letter(b"mx1 postfix/qmgr[1]: strange 17", received=None)

    largest, smallest = groups([first, other, second])

    assert (largest.count, largest.shape) == (2, "postfix/smtpd: strange N")
    assert (largest.first, largest.last) == (10, 30)
    assert largest.example == first.value
    assert (smallest.count, smallest.first, smallest.last) == (1, None, None)


def test_one_shape_with_two_reasons_is_two_groups() -> None:
    assert len(groups([letter(b"x", reason="one"), letter(b"x", reason="two")])) == 2


def test_a_hostile_line_is_grouped_at_once() -> None:
    """Super-linear patterns would not come back from these."""
    for hostile in (
        b"<" * 100_000,
        b'"' * 99_999,
        b"a." * 50_000,
        b"a" * 100_000,
        b"[<\"'@" * 20_000,
    ):
        assert shape(letter(hostile)) is not None
