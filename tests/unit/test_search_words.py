"""Times as people say them, status in words, and what a search is made of."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from posttrail_answers import words
from posttrail_answers.gaps import Gap
from posttrail_answers.search import cursor_text, read_cursor
from posttrail_answers.search_sql import After, Query, choices, clauses, refusals
from posttrail_answers.times import moment
from posttrail_answers.words import Word

from posttrail.errors import BadInput

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=BERLIN)
"""A Wednesday."""
HOSTILE = "x' OR 1=1; DROP TABLE delivery_from; -- %(sender)s %s {conditions} \\ _%"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("now", "2026-11-18T15:30+01:00"),
        ("today", "2026-11-18T00:00+01:00"),
        ("Yesterday", "2026-11-17T00:00+01:00"),
        ("yesterday 9:05", "2026-11-17T09:05+01:00"),
        ("14:00", "2026-11-18T14:00+01:00"),
        ("monday", "2026-11-16T00:00+01:00"),
        ("wednesday", "2026-11-18T00:00+01:00"),
        ("thursday", "2026-11-12T00:00+01:00"),
        ("2h", "2026-11-18T13:30+01:00"),
        ("90 min ago", "2026-11-18T14:00+01:00"),
        ("3d", "2026-11-15T15:30+01:00"),
        ("2026-07-01", "2026-07-01T00:00+02:00"),
        ("2026-11-18T10:00:00Z", "2026-11-18T11:00+01:00"),
    ],
)
def test_a_time_is_understood_as_people_say_it(said: str, meant: str) -> None:
    assert moment(said, NOW) == datetime.fromisoformat(meant)


@pytest.mark.parametrize("said", ["", "soon", "2y", "25:00", "monday 99:00", "999999w", "now\0"])
def test_what_is_no_time_is_told_with_the_forms(said: str) -> None:
    with pytest.raises(BadInput, match="yesterday"):
        moment(said, NOW)


@pytest.mark.parametrize(
    ("status", "recipients", "word"),
    [
        ("removed", ["sent", "sent"], Word.DELIVERED),
        ("removed", ["sent", "bounced"], Word.PARTLY),
        ("queued", ["sent", "deferred"], Word.PARTLY),
        ("queued", ["deferred", "bounced"], Word.PENDING),
        ("removed", ["bounced", "expired"], Word.FAILED),
        ("held", [], Word.PENDING),
        ("rejected", [], Word.FAILED),
        ("discarded", [], Word.DISCARDED),
        ("removed", [], Word.UNKNOWN),
        (None, [], Word.UNKNOWN),
    ],
)
def test_a_mail_has_a_word(status: str | None, recipients: list[str], word: Word) -> None:
    assert words.of_mail(status, map(words.of_recipient, recipients)) is word


def test_a_reason_says_what_why_and_what_comes_next() -> None:
    assert words.reason("deferred", "4.2.2", "452 over quota") == (
        "deferred: the mailbox is full; will be retried (reply: 452 over quota)"
    )
    assert words.reason("sent", "2.0.0", None) == "sent"


def test_a_gap_in_a_mails_life_is_why_it_is_unknown() -> None:
    at = datetime(2026, 11, 18, 3, 10, tzinfo=UTC)
    gap = Gap(t=at, host="mx2", source="journal", lines=12, reason="suppressed")
    hour = timedelta(hours=1)
    because = "12 lines were lost on mx2 at 03:10"

    assert words.explained(Word.UNKNOWN, [gap], at) == f"unknown because {because}"
    assert words.explained(Word.UNKNOWN, [gap] * 9, at).count(because) == 3
    assert words.explained(Word.UNKNOWN, [], at) == "unknown"
    assert words.explained(Word.FAILED, [gap], at) == "failed"
    for last, said in ((at, f"pending as far as is known: {because}"), (at + hour, "pending")):
        assert words.explained(Word.PENDING, [gap], last) == said


def test_what_was_typed_stands_in_no_statement() -> None:
    names = [name for name in Query.__struct_fields__ if name not in {"since", "until"}]
    asked = [msgspec.convert({name: HOSTILE}, Query) for name in names]

    walks = [
        walk
        for query in asked
        for clause in clauses(query)
        for choice in choices(query, None, clause)
        for walk in choice
    ]
    texts = [walk.text("search_walk") for walk in walks]
    texts += [text for query in asked for text in refusals(query, None)]

    assert texts
    assert not any("DROP" in text for text in texts)


def test_a_cursor_comes_back_as_it_was() -> None:
    for after in (After(NOW, mail=True, key=("A", "b", "c")), After(NOW, mail=False, key=("-7",))):
        assert read_cursor(cursor_text(after)) == after


@pytest.mark.parametrize("text", ["", "x", "é", "WzFd", cursor_text(After(NOW, True, ("a",)))])
def test_what_is_no_cursor_is_told(text: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        read_cursor(text)
