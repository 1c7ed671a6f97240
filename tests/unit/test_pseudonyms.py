"""Pseudonyms: every line is read as before, and nobody's local part is left."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from posttrail_processors.lines import Rules, read_line

from posttrail.errors import BadSettings
from posttrail.pseudonyms import Pseudonyms, of_file
from tests.fix_stack import SAMPLE
from tests.unit.parse.rows import ALL

HIDE = Pseudonyms(b"a key of more than sixteen bytes")
STAMP = b"2026-11-23T11:07:08.374221+00:00 mx1 "
ADDRESSES = {"sender", "recipient", "orig_recipient", "sasl_username", "sasl_sender"}
TEXTS = {"reason", "response", "subject", "helo"}
CANNOT_DIFFER_FOR = ADDRESSES | TEXTS | {"ambiguous"}


def sample() -> Iterator[bytes]:
    with gzip.open(SAMPLE) as opened:
        yield from (line.rstrip(b"\n") for line in opened)


def corpus() -> Iterator[bytes]:
    yield from (STAMP + row.line.encode() for row in ALL)


def read(line: bytes) -> tuple[str, list[dict[str, Any]]]:
    outcome = read_line(line, (0, 0), Rules(), 1_795_432_028_374_221)
    return outcome.cls, [msgspec.to_builtins(fact) for fact in outcome.facts]


def mapped(address: str) -> str:
    return HIDE.address(address.encode()).decode()


def is_plain(text: str) -> bool:
    """Whether nothing in it looks like fields."""
    return not set(text) & set("<>,;=")


@pytest.mark.parametrize("lines", [sample, corpus])
def test_a_line_with_pseudonyms_is_read_as_before(lines: Any) -> None:
    for line in lines():
        before, after = read(line), read(HIDE.line(line))
        assert before[0] == after[0], line
        assert len(before[1]) == len(after[1]), line
        for was, now in zip(before[1], after[1], strict=True):
            assert was.keys() - {"ambiguous"} == now.keys() - {"ambiguous"}, line
            for name in was.keys() - CANNOT_DIFFER_FOR:
                assert was[name] == now[name], line
            for name in was.keys() & ADDRESSES:
                if is_plain(was[name]):
                    assert now[name] == mapped(was[name]), line


@pytest.mark.parametrize("lines", [sample, corpus])
def test_no_address_is_left(lines: Any) -> None:
    for line in lines():
        hidden = HIDE.line(line).decode(errors="replace")
        if "message-id=" in hidden:
            continue
        for fact in read(line)[1]:
            for name in fact.keys() & ADDRESSES:
                if "@" in fact[name] and is_plain(fact[name]):
                    assert f"<{fact[name]}>" not in hidden
                    assert f"={fact[name]}" not in hidden


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to=<bob@example.com>, relay", "to=<{bob@example.com}@example.com>, relay"),
        ('to=<"a b"@example.com>, x', 'to=<{"a b"@example.com}@example.com>, x'),
        ("to=<root>, orig_to=<root>", "to=<{root}>, orig_to=<{root}>"),
        ("550 <nobody>: unknown; to=<nobody>", "550 <{nobody}>: unknown; to=<{nobody}>"),
        ("said: <Bob@Example.com> moved", "said: <{bob@example.com}@Example.com> moved"),
        ("from=<>, size=1", "from=<>, size=1"),
        ("to=<bob@[192.0.2.1]>", "to=<{bob@[192.0.2.1]}@[192.0.2.1]>"),
        ("sasl_username=al, sasl_sender=x@y.z", "sasl_username={al}, sasl_sender={x@y.z}@y.z"),
        ("relay=mx.example.com[192.0.2.1]:25, x", "relay=mx.example.com[192.0.2.1]:25, x"),
    ],
)  # fmt: skip
def test_local_parts_become_tokens_and_domains_stay(text: str, expected: str) -> None:
    head = STAMP + b"postfix/smtp[7]: 5B58E24853E: "
    parts = expected.replace("}", "{").split("{")
    tokens = [HIDE.token(one.encode()).decode() if n % 2 else one for n, one in enumerate(parts)]

    assert HIDE.line(head + text.encode()) == head + "".join(tokens).encode()


def test_message_ids_stay_and_subjects_become_letters() -> None:
    head = STAMP + b"postfix/cleanup[7]: 5B58E24853E: "
    subject = b"info: header Subject: %b from local; from=<a@example.com>"

    assert HIDE.line(head + b"message-id=<1@example.com>") == head + b"message-id=<1@example.com>"
    hidden = HIDE.line(head + subject % b"For your eyes only")
    assert b"eyes" not in hidden
    assert len(read(hidden)[1][0]["subject"]) == len("For your eyes only")


def test_another_key_makes_other_tokens() -> None:
    other = Pseudonyms(b"another key that is long enough")

    assert other.token(b"bob@example.com") != HIDE.token(b"bob@example.com")
    assert HIDE.token(b"Bob@Example.com") == HIDE.token(b"bob@example.com")


def test_a_long_line_without_an_address_is_quickly_done() -> None:
    """A second look at each letter of it would take hours."""
    assert HIDE.line(STAMP + b"x: " + b"a" * 1_000_000 + b'"' * 1_000_001).endswith(b'"')


def test_a_key_that_keeps_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short\n")

    with pytest.raises(BadSettings, match="openssl rand -hex 32"):
        of_file(tmp_path / "key")
