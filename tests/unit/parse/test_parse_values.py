"""What PostgreSQL can hold, what VERP hides, and when a line was logged."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from posttrail_processors.heads import read_head
from posttrail_processors.lines import Rules, read_line

from posttrail import carriers
from posttrail.records import (
    MAX_ADDRESS_BYTES,
    MAX_TEXT_BYTES,
    AnyFact,
    FromFact,
    NoqueueFact,
    ToFact,
)

STAMP = "2026-11-23T11:07:08.374221+00:00"
SAMPLES = Path(__file__).parents[3] / "samples"
ID = "5B58E24853E"


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def fact_of(message: bytes, tag: str = "postfix/cleanup[7]", marker: str = "") -> AnyFact:
    line = f"{STAMP} mx {tag}: {ID}: ".encode() + message
    (fact,) = read_line(line, (0, 1), Rules(verp_marker=marker)).facts
    return fact


@pytest.mark.parametrize(
    ("marker", "sender", "verp_id", "verp_sender"),
    [
        ("+", "list+user=example.net@example.com", "user@example.net", "list@example.com"),
        ("+", "list+u+x=example.net@example.com", "u+x@example.net", "list@example.com"),
        ("+", "list+a=b=example.net@example.com", "a=b@example.net", "list@example.com"),
        ("+", "list+4711@example.com", "4711", "list@example.com"),
        ("-", "my-list-4711@example.com", "4711", "my-list@example.com"),
        ("-bounce-", "news-bounce-77@example.com", "77", "news@example.com"),
        ("+", "list+4711", "4711", "list"),
        ("+", "list@example.com", None, None),
        ("+", "list+@example.com", None, None),
        ("+", "+4711@example.com", None, None),
        ("+", "", None, None),
        ("", "list+4711@example.com", None, None),
    ],
)
def test_verp_is_split_at_the_marker(
    marker: str, sender: str, verp_id: str | None, verp_sender: str | None
) -> None:
    fact = fact_of(
        f"from=<{sender}>, size=1, nrcpt=1 (queue active)".encode(), "postfix/qmgr[7]", marker
    )

    assert isinstance(fact, FromFact)
    assert (fact.sender, fact.verp_id, fact.verp_sender) == (sender, verp_id, verp_sender)


def test_an_address_is_cut_between_characters() -> None:
    fact = fact_of(b"message-id=<" + "ü".encode() * 2000 + b">")

    assert isinstance(fact, FromFact)
    assert fact.message_id == "<" + "ü" * ((MAX_ADDRESS_BYTES - 1) // 2)


def test_a_reply_may_be_longer_than_an_address() -> None:
    line = b"to=<b@example.org>, relay=none, delay=1, status=deferred (" + b"x" * 5000 + b")"

    fact = fact_of(line, "postfix/smtp[7]")

    assert isinstance(fact, ToFact)
    assert fact.response == "x" * MAX_TEXT_BYTES


def test_a_nul_is_left_out_and_other_bytes_are_marked() -> None:
    fact = fact_of(b"message-id=<a\0b\xff\x01@c>")

    assert isinstance(fact, FromFact)
    assert fact.message_id == "<ab\ufffd\x01@c>"


def test_a_process_id_that_no_column_holds_is_left_out() -> None:
    assert fact_of(b"message-id=<a>", "postfix/cleanup[4294967296]").pid is None  # type: ignore[union-attr]


def test_a_name_of_any_length_is_no_error() -> None:
    tag = "x" * 300 + "/smtpd"
    line = f"{STAMP} {'h' * 1000} {tag}[7]: {ID}: client=a[192.0.2.1]".encode()

    outcome = read_line(line, (0, 1), Rules())

    assert outcome.cls == "foreign"
    assert outcome.parsed is not None
    assert outcome.parsed.host == "h" * 255


def test_a_year_is_the_latest_that_is_not_after_the_record() -> None:
    line = b"Dec 31 23:59:59 mx postfix/smtpd[7]: connect from a[::1]"

    outcome = read_line(line, (0, 1), Rules(), received=micros("2027-01-01T00:00:05"))

    assert outcome.parsed is not None
    assert outcome.parsed.t == micros("2026-12-31T23:59:59")


def test_a_fact_without_a_year_is_dead_until_somebody_knows() -> None:
    line = f"Dec 31 23:59:59 mx postfix/qmgr[7]: {ID}: removed".encode()

    outcome = read_line(line, (0, 1), Rules())

    assert (outcome.cls, outcome.reason) == ("dead", "the stamp has no year")


def test_repetitions_do_not_nest() -> None:
    inner = f"{ID}: removed"
    for _ in range(2000):
        inner = f"message repeated 2 times: [ {inner}]"

    assert read_line(f"{STAMP} mx postfix/qmgr[7]: {inner}".encode(), (0, 1), Rules()).cls == "dead"


def test_canonical_lines_are_read_as_any_carrier_is() -> None:
    with gzip.open(SAMPLES / "mail.log.gz", "rt", encoding="utf-8") as log:
        for text in log.read().splitlines()[::7]:
            line, head = read_head(text.encode(), None), carriers.split(text)

            assert line is not None
            assert head is not None
            assert (line.t, line.host, line.message) == (head.t, head.host, head.message)
            assert (line.program.tag, line.program.pid) == (head.tag, head.pid)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-11-23T11:07:08.+74221+00:00",
        "2026-11-23T11:07:08.37422²+00:00",
        "2026-11-31T11:07:08.374221+00:00",
        "2026-11-23T11:07:08.374221+99:00",
        "2026-11-23T11:07:08.37422٣+00:00",
    ],
)
def test_a_stamp_that_is_none_gives_no_time(stamp: str) -> None:
    outcome = read_line(f"{stamp} mx postfix/qmgr[7]: {ID}: removed".encode(), (0, 1), Rules())

    assert outcome.cls == "dead"


def test_a_header_check_that_syslog_cut_keeps_subject_and_status() -> None:
    cut = b"reject: header Subject: hi from mail.example.com[192.0.2.1]; from=<" + b"a" * 1900

    fact = fact_of(cut)

    assert isinstance(fact, FromFact)
    assert (fact.status, fact.reason, fact.sender) == ("rejected", "header Subject: hi", None)


def test_a_refusal_that_syslog_cut_keeps_what_is_whole() -> None:
    line = (
        f"{STAMP} mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from a[192.0.2.1]: 550 5.1.1 <b>: no"
    )

    (fact,) = read_line(f"{line}; from=<{'a' * 1900}".encode(), (0, 1), Rules()).facts

    assert isinstance(fact, NoqueueFact)
    assert (fact.code, fact.reason, fact.sender) == ("550", "<b>: no", None)
