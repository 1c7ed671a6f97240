"""A batch of lines becomes facts, letters and counts that add up; nothing raises."""

import re
from collections.abc import Sequence

import msgspec
from posttrail_processors.heads import Line as Head
from posttrail_processors.heads import Program
from posttrail_processors.lines import Outcome
from posttrail_processors.parse.parsed import Parsed
from posttrail_processors.progress import Batch
from posttrail_processors.reading import Reading, microseconds, read, read_lost, reader_of

from posttrail.config import Processor
from posttrail.dead_letters import read as read_letter
from posttrail.records import FromFact, GapFact, Origin, decode_fact

TP = ("maillog.raw", 3)


class Line(msgspec.Struct, frozen=True):
    offset: int
    value: bytes | None
    key: bytes | None = b"mx1"
    timestamp: int | None = 1_574_871_562_000


def parsed(action: str) -> Parsed:
    smtpd = Program("postfix/smtpd", 1, "postfix", None, "smtpd", is_postfix=True)
    return Parsed(Head(1, "mx1", smtpd, "text"), queue_id=None, action=action, fields={})


def stand_in(line: bytes, origin: Origin, received: int | None) -> Outcome:
    """Reads `facts 2`, `ignored`, `foreign` and `dead`; anything else is a bug."""
    kind, _, number = line.decode().partition(" ")
    if kind == "facts":
        fact = FromFact(
            t=received or 0, host="mx1", instance="postfix", component="qmgr", queue_id="2F0AC",
            origin=origin,
        )  # fmt: skip
        return Outcome("fact", parsed("from"), (fact,) * int(number), None)
    if kind == "dead":
        return Outcome("dead", parsed("unknown"), (), "unknown shape")
    if kind == "ignored":
        return Outcome("ignored", parsed("connect"), (), None)
    if kind == "foreign":
        return Outcome("foreign", parsed("foreign"), (), None)
    raise ValueError(line)


def reading(*values: bytes | None) -> Reading:
    records: Sequence[Line] = [Line(10 + number, value) for number, value in enumerate(values)]
    return read(Batch(TP, 10, 10 + len(values), records), stand_in)


def test_every_line_is_counted_once() -> None:
    found = reading(b"facts 2", b"ignored", b"foreign", b"dead", b"a bug", None, b"facts 0")

    assert found.tally.lines == {"fact": 2, "ignored": 1, "foreign": 1, "dead": 3}
    assert found.tally.total() == 7
    assert found.tally.ignored == {("smtpd", "connect"): 1}
    assert found.tally.facts == {FromFact: 2}


def test_a_fact_carries_the_origin_of_its_line() -> None:
    [fact] = reading(b"facts 1").facts

    assert fact.key == b"mx1/postfix/2F0AC"
    assert decode_fact(fact.value).origin == (3, 10)


def test_a_line_is_told_when_kafka_got_it() -> None:
    [fact] = reading(b"facts 1").facts

    assert decode_fact(fact.value).t == 1_574_871_562_000_000


def test_a_record_without_a_time_has_none() -> None:
    assert microseconds(-1) is None
    assert microseconds(None) is None


def test_a_dead_line_is_kept_byte_for_byte() -> None:
    [record] = reading(b"dead \x00 as it came").letters

    letter = read_letter(record.key, record.value, record.headers, record.timestamp)
    assert letter.value == b"dead \x00 as it came"
    assert (letter.key, letter.reason, letter.stage) == (b"mx1", "unknown shape", "process")
    assert (letter.topic, letter.origin) == ("maillog.raw", (3, 10))
    assert letter.received == 1_574_871_562_000


def test_a_bug_becomes_a_dead_letter_that_names_the_place() -> None:
    found = reading(b"secret@example.com", b"facts 1")

    [record] = found.letters
    letter = read_letter(record.key, record.value, record.headers, record.timestamp)
    assert re.fullmatch(
        r"internal error: ValueError in test_processor_reading\.py:\d+", letter.reason
    )
    assert [bug.origin for bug in found.bugs] == [(3, 10)]
    assert "secret" not in repr(found.bugs)
    assert len(found.facts) == 1, "the lines behind it are read"


def test_lines_of_a_relay_that_the_settings_name_are_read() -> None:
    inner = b"2026-11-23T11:07:08+00:00 mx postfix/qmgr[7]: 47NQzY13DbzNWNQG: removed"
    line = b"2026-11-23T11:07:08+00:00 box k8s/mail[9]: " + inner
    stock, told = (
        reader_of(rules) for rules in (Processor(), Processor(relay_tags=frozenset({"k8s"})))
    )

    assert stock(line, (0, 1), None).cls == "foreign"
    assert told(line, (0, 1), None).cls == "fact"


def test_lines_that_are_gone_become_one_gap_of_no_line() -> None:
    reading = read_lost(Batch(TP, 5, 40, (), is_lost=True), 1_574_871_562_000_000, "central")

    [sent] = reading.facts
    gap = decode_fact(sent.value)
    assert isinstance(gap, GapFact)
    assert (gap.t, gap.host, gap.origin) == (1_574_871_562_000_000, "central", (-4, 5))
    assert (gap.source, gap.lines) == ("maillog.raw", None)
    assert gap.reason == "up to 35 lines were gone before a processor read them"
    assert reading.tally.total() == 0
