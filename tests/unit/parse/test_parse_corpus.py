"""Every row of the corpus gives what it says, under every carrier the same."""

import json
import re
from typing import Any

import pytest
from posttrail_processors.lines import Outcome, Rules, read_line

from posttrail.records import AnyFact, encode_fact
from tests.unit.parse.rows import ALL, Row

STAMP = "2026-11-23T11:07:08.374221+00:00"
AT = 1_795_432_028_374_221
SECOND = AT // 1_000_000 * 1_000_000
ORIGIN = (3, 4711)
FRAME = {
    "type", "t", "host", "origin", "instance", "service", "component", "pid", "queue_id",
}  # fmt: skip
LINE = re.compile(r"(?:(?P<instance>[\w.-]+)/)?(?:(?P<service>\S+)/)?(?P<component>[\w-]+)\[7\]: ")


def read(line: str, received: int | None = None) -> Outcome:
    return read_line(line.encode(), ORIGIN, Rules(), received)


def fields(fact: AnyFact) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(encode_fact(fact))
    return {name: value for name, value in values.items() if name not in FRAME}


def results(outcome: Outcome) -> tuple[str, ...]:
    action = outcome.parsed.action if outcome.parsed else None
    facts = [
        f"{json.loads(encode_fact(fact))['type']} {action} "
        + json.dumps(fields(fact), ensure_ascii=False)
        for fact in outcome.facts
    ]
    ignored = f"ignored {action}" if outcome.cls == "ignored" else outcome.cls
    errors = [f"error {error}" for error in (outcome.parsed.errors if outcome.parsed else ())]
    return (*(facts or [ignored]), *errors)


@pytest.mark.parametrize("row", ALL, ids=[row.name for row in ALL])
def test_a_line_becomes_what_the_corpus_says(row: Row) -> None:
    assert results(read(f"{STAMP} mx {row.line}")) == row.results


@pytest.mark.parametrize("row", ALL, ids=[row.name for row in ALL])
def test_a_fact_says_whose_line_it_was(row: Row) -> None:
    outcome = read(f"{STAMP} mx {row.line}")
    said = LINE.match(row.line)
    assert said is not None

    for fact in outcome.facts:
        assert (fact.t, fact.host, fact.origin, fact.ordinal) == (AT, "mx", ORIGIN, 0)
        values = json.loads(encode_fact(fact))
        if values["type"] == "gap":
            continue
        assert values["instance"] == said["instance"]
        assert values.get("service") == said["service"]
        assert values["component"] == said["component"]
        assert values["pid"] == 7
        if "queue_id" in values:
            assert row.line.startswith(f"{values['queue_id']}: ", said.end())


CARRIERS = (
    "2026-11-23T11:07:08Z mx {}",
    "2026-11-23T12:07:08.374221+01:00 mx {}",
    "<22>2026-11-23T11:07:08+00:00 mx {}",
    "Nov 23 11:07:08 mx {}",
    "<22>Nov 23 11:07:08 mx {}",
    "2026 Nov 23 11:07:08 mx {}",
    "\0\0\0\0Nov 23 11:07:08 mx {}",
    "Nov 23 11:07:08 mx docker[99]: <22>Nov 23 11:07:08 mx {}",
)
HARD = [row for row in ALL if row.name.startswith(("hostile", "smtpd: client=", "delivery: sent"))]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_carrier_changes_nothing(carrier: str) -> None:
    for row in HARD:
        outcome = read(carrier.format(row.line), received=AT)

        assert results(outcome) == row.results
        assert {fact.t // 1_000_000 for fact in outcome.facts} <= {AT // 1_000_000}


def test_rfc_5424_changes_nothing() -> None:
    line = "<22>1 2026-11-23T11:07:08Z mx postfix/qmgr 7 - - 5B58E24853E: removed"

    (fact,) = read(line).facts

    assert fields(fact) == {"status": "removed", "removed_at": SECOND}


def test_solaris_changes_nothing() -> None:
    line = "Nov 23 11:07:08 mx postfix/qmgr[7]: [ID 197553 mail.info] 5B58E24853E: removed"

    (fact,) = read(line, received=AT).facts

    assert fields(fact) == {"status": "removed", "removed_at": SECOND}


@pytest.mark.parametrize("between", ["] ", "]:  ", "]: "])
def test_a_missing_colon_and_more_spaces_change_nothing(between: str) -> None:
    (fact,) = read(f"{STAMP} mx postfix/qmgr[7{between}5B58E24853E: removed").facts

    assert fields(fact) == {"status": "removed", "removed_at": AT}


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_the_end_of_a_line_is_none_of_its_text(end: str) -> None:
    (fact,) = read(f"{STAMP} mx postfix/cleanup[7]: 5B58E24853E: message-id=<a@b>{end}").facts

    assert fields(fact) == {"message_id": "<a@b>"}


def test_a_repeated_line_makes_a_fact_each_time() -> None:
    line = f"{STAMP} mx postfix/qmgr[7]: message repeated 3 times: [ 5B58E24853E: removed]"

    outcome = read(line)

    assert [fact.ordinal for fact in outcome.facts] == [0, 1, 2]
    assert {(fact.t, fact.origin) for fact in outcome.facts} == {(AT, ORIGIN)}
    assert fields(outcome.facts[0]) == {"status": "removed", "removed_at": AT}


def test_a_repeated_line_that_no_table_needs_makes_nothing() -> None:
    line = f"{STAMP} mx postfix/smtpd[7]: message repeated 2 times: [ connect from unknown[::1]]"

    assert results(read(line)) == ("ignored connect",)


def test_the_corpus_is_large() -> None:
    assert len(ALL) > 400
    assert len({row.line for row in ALL}) >= len(ALL) - 2
