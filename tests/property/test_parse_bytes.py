"""Any bytes are a line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posttrail_processors.lines import Outcome, Rules, read_line

from posttrail.records import MAX_TEXT_BYTES, decode_fact, encode_fact
from tests.postfix_lines import SNIPPETS

TAGS = ("smtpd", "cleanup", "qmgr", "smtp", "local", "pickup", "bounce", "postscreen", "postsuper")
STARTS = (
    b"5B58E24853E: ", b"NOQUEUE: ", b"47NQzY13DbzNWNQG: ", b"", b"5B58E24853E: to=<",
    b"5B58E24853E: client=", b"5B58E24853E: info: header Subject: ", b"NOQUEUE: reject: RCPT from ",
    b"NOQUEUE: reject: RCPT from a[192.0.2.1]: 550 5.1.1 ", b"5B58E24853E: from=<",
    b"5B58E24853E: milter-reject: END-OF-MESSAGE from a[192.0.2.1]: ",
    b"message repeated 3 times: [ ",
)  # fmt: skip
heads = st.sampled_from(TAGS).map(
    lambda tag: f"2026-11-23T11:07:08.374221+00:00 mx postfix/{tag}[7]: ".encode()
)
texts = st.lists(
    st.sampled_from([snippet.encode() for snippet in SNIPPETS]) | st.binary(max_size=20), max_size=8
).map(b"".join)


def check(line: bytes) -> Outcome:
    outcome = read_line(line, (0, 1), Rules(verp_marker="+"), received=1_795_432_028_000_000)

    assert (outcome.cls == "fact") == bool(outcome.facts)
    assert (outcome.cls == "dead") == (outcome.reason is not None)
    for fact in outcome.facts:
        encoded = encode_fact(fact)
        assert decode_fact(encoded) == fact
        assert b"\\u0000" not in encoded
        for value in json.loads(encoded).values():
            assert not isinstance(value, str) or len(value.encode()) <= MAX_TEXT_BYTES
    return outcome


@given(st.binary(max_size=300))
@settings(max_examples=1000, deadline=None)
def test_any_bytes_are_a_line(line: bytes) -> None:
    check(line)


@given(heads, st.sampled_from(STARTS), texts)
@settings(max_examples=2000, deadline=None)
def test_any_bytes_are_a_message(head: bytes, start: bytes, text: bytes) -> None:
    outcome = check(head + start + text)

    assert outcome.cls != "foreign"


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_a_head(stamp: bytes, tag: bytes) -> None:
    check(stamp + b" mx postfix/smtpd[7]: 5B58E24853E: client=a[192.0.2.1]")
    check(b"2026-11-23T11:07:08.374221+00:00 mx " + tag + b"[7]: 5B58E24853E: removed")
    check(b"2026-11-23T11:07:08.374221+00:00 " + tag + b" postfix/qmgr[7]: 5B58E24853E: removed")


@pytest.mark.parametrize("start", STARTS)
def test_a_hundred_kilobytes_of_anything_are_read_at_once(start: bytes) -> None:
    """No reading takes longer than its text is long, by far: else this would take minutes."""
    for snippet in (
        *SNIPPETS,
        "a",
        "a@",
        '"',
        '\\"',
        "; from=<",
        "> to=<",
        " from local;",
        "[",
        "] ",
    ):
        for tag in TAGS:
            text = snippet.encode() * (100_000 // len(snippet.encode()))
            check(f"2026-11-23T11:07:08.374221+00:00 mx postfix/{tag}[7]: ".encode() + start + text)


@given(st.lists(st.tuples(st.integers(0, 60), st.text(max_size=3)), max_size=3))
@settings(max_examples=500, deadline=None)
def test_a_head_with_odd_characters_is_a_line(changes: list[tuple[int, str]]) -> None:
    line = "2026-11-23T11:07:08.374221+00:00 mx postfix/qmgr[7]: 5B58E24853E: removed"
    for at, text in changes:
        line = line[:at] + text + line[at + 1 :]

    check(line.encode("utf-8", "replace"))
