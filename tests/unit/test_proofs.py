"""Rows become steps, and each line comes to the step that it proves."""

from datetime import UTC, datetime, timedelta

from posttrail_answers.proofs import (
    MOST_LINES,
    Read,
    shown,
    with_lines,
    with_session,
    within_bounds,
)
from posttrail_answers.raw_lines import NEAR, clusters
from posttrail_answers.timeline import Rows, Timeline, made_of
from posttrail_answers.trace import Attempt, Mail, Recipient
from posttrail_answers.words import Word

from posttrail.packing import packed, unpacked

BORN = datetime(2026, 3, 1, 10, tzinfo=UTC)
ID = "00000AAAA"


def at(seconds: float) -> datetime:
    return BORN + timedelta(seconds=seconds)


def micros(seconds: float) -> int:
    return int(at(seconds).timestamp() * 1_000_000)


def line(seconds: float, daemon: str, message: str, pid: int = 7) -> str:
    return f"{at(seconds).isoformat(timespec='microseconds')} mx postfix/{daemon}[{pid}]: {message}"


LINES = {
    (0, 8): line(-1, "smtpd", "connect from c.example[192.0.2.1]"),
    (0, 9): line(
        -0.5, "smtpd", "Anonymous TLS connection established from c.example[192.0.2.1]: x"
    ),
    (0, 10): line(0, "smtpd", f"{ID}: client=c.example[192.0.2.1]"),
    (0, 11): line(0, "cleanup", f"{ID}: message-id=<m@a.example>"),
    (0, 12): line(0.1, "qmgr", f"{ID}: from=<s@a.example>, size=9, nrcpt=1 (queue active)"),
    (0, 13): line(0.2, "smtpd", "disconnect from c.example[192.0.2.1] ehlo=1"),
    (0, 14): line(0.3, "smtpd", "connect from other.example[192.0.2.2]"),
    (0, 20): line(1, "smtp", f"{ID}: to=<r@b.example>, status=deferred (452 4.2.2 full)"),
    (0, 30): line(3600, "qmgr", f"{ID}: from=<s@a.example>, size=9, nrcpt=1 (queue active)"),
    (0, 31): line(3601, "lmtp", f"{ID}: to=<r@b.example>, status=sent (250 ok)"),
    (0, 32): line(3602, "qmgr", f"{ID}: removed"),
}
OF_MAIL = {origin: text for origin, text in LINES.items() if ID in text}


def attempt(seconds: float, offset: int, status: str, dsn: str, response: str) -> Attempt:
    return Attempt(
        t=micros(seconds), origin=(0, offset), status=status, dsn=dsn, response=response,
        relay="b.example[192.0.2.9]:25",
    )  # fmt: skip


def timeline() -> Timeline:
    mail = Mail(
        queue_id=ID, host="mx", instance="postfix", born=BORN, t_first=BORN, t_last=at(3602),
        client_name="c.example", client_addr="192.0.2.1", sender="s@a.example", size=9,
        status="removed", removed_at=at(3602),
    )  # fmt: skip
    to = Recipient(
        recipient="r@b.example", orig_recipient="r@b.example", status="sent", t=at(3601),
        t_first=at(1), t_last=at(3601), attempt_count=2, attempts=(
            attempt(1, 20, "deferred", "4.2.2", "452 4.2.2 full"),
            attempt(3601, 31, "sent", "2.0.0", "250 ok"),
        ),
    )  # fmt: skip
    ids = tuple(packed(origin, 0) for origin in OF_MAIL if origin[1] not in {20, 31})
    return made_of(Rows(mail=mail, recipients=(to,), notices={}, gaps=(), line_ids=ids))


def test_steps_are_in_order_with_every_attempt_in_plain_words() -> None:
    found = timeline()

    assert [(step.kind, step.after) for step in found.steps] == [
        ("arrival", None), ("attempt", 1.0), ("attempt", 3600.0), ("removed", 1.0),
    ]  # fmt: skip
    assert "deferred: the mailbox is full; will be retried" in found.steps[1].text
    assert "(attempt 2)" in found.steps[2].text
    assert found.word is Word.DELIVERED
    assert set(found.origins) == set(OF_MAIL)


def test_each_line_stands_at_the_step_that_it_proves() -> None:
    found = with_lines(timeline(), OF_MAIL)

    assert [
        (step.kind, step.component, [line.origin[1] for line in step.lines]) for step in found.steps
    ] == [
        ("arrival", "smtpd", [10, 11]),
        ("active", "qmgr", [12]),
        ("attempt", "smtp", [20]),
        ("active", "qmgr", [30]),
        ("attempt", "lmtp", [31]),
        ("removed", "qmgr", [32]),
    ]


def test_the_connection_is_that_of_the_same_process_and_no_later_client() -> None:
    found = with_session(timeline(), (0, 10), LINES)

    session = [step for step in found.steps if step.kind in {"connect", "tls", "disconnect"}]
    assert [(step.kind, step.lines[0].origin[1]) for step in session] == [
        ("connect", 8), ("tls", 9), ("disconnect", 13),
    ]  # fmt: skip


def test_what_was_read_before_a_trouble_is_shown_with_the_trouble() -> None:
    some = {origin: text for origin, text in OF_MAIL.items() if origin[1] < 30}

    found = shown(timeline(), Read(some, {}, "no answer"))
    whole = shown(timeline(), Read(OF_MAIL, {}, "no answer"))
    nothing = shown(timeline(), Read({}, {}, "no answer"))

    assert found.missing == "3 of 7 raw lines cannot be shown: no answer"
    assert found.steps[0].lines[0].text == OF_MAIL[0, 10]
    assert whole.missing == "the client's connection cannot be shown: no answer"
    assert nothing.missing == "raw lines cannot be shown: no answer"
    assert nothing.steps == timeline().steps


def test_lines_of_another_mail_are_not_shown() -> None:
    """What was read for all mails holds the lines of each."""
    others = {(0, 500): line(9, "smtp", "BBBBB: to=<x@b.example>, status=sent (250 ok)")}

    assert shown(timeline(), Read(OF_MAIL | others, LINES)) == shown(
        timeline(), Read(OF_MAIL, LINES)
    )


def test_stretches_with_a_margin_that_meet_are_one() -> None:
    assert clusters([(0, 0), (0, 2 * NEAR), (0, 5 * NEAR)], NEAR) == [
        (0, 0, 2 * NEAR + 1), (0, 5 * NEAR, 5 * NEAR + 1),
    ]  # fmt: skip


def test_origins_that_are_near_are_read_in_one_go() -> None:
    assert clusters([(1, 5), (0, 900), (0, 3), (0, 3 + NEAR - 1)]) == [(0, 3, 901), (1, 5, 6)]
    assert clusters([(0, 0), (0, 10 * NEAR)]) == [(0, 0, 1), (0, 10 * NEAR, 10 * NEAR + 1)]


def test_a_packed_origin_comes_out_again_unless_it_was_hashed() -> None:
    assert unpacked(packed((5, 123_456_789), 3)) == (5, 123_456_789)
    assert unpacked(packed((1024, 1), 0)) is None


def test_of_a_mail_with_thousands_of_lines_the_first_and_the_newest_are_shown() -> None:
    origins = [(0, offset) for offset in range(MOST_LINES + 500)]

    found = within_bounds(origins)

    assert len(found) == MOST_LINES
    assert list(found) == [*origins[:100], *origins[600:]]
    assert within_bounds(origins[:MOST_LINES]) == origins[:MOST_LINES]


def test_a_log_of_whole_seconds_tells_the_steps_of_one_second_in_their_order() -> None:
    later = at(0.4)  # the ids are long: they tell the moment, the log its second
    mail = Mail(
        queue_id=ID, host="mx", instance="postfix", born=later, t_first=BORN, t_last=BORN,
        client_name="c.example", status="removed", removed_at=BORN, bounce_ids=("00000BBBB",),
    )  # fmt: skip
    to = Recipient(
        recipient="r@b.example", orig_recipient="r@b.example", status="bounced", t=BORN,
        t_first=BORN, t_last=BORN, attempt_count=1,
        attempts=(attempt(0, 20, "bounced", "5.1.1", "550 5.1.1 no"),),
    )  # fmt: skip
    notices = {"00000BBBB": at(0.6)}
    lines = {
        (0, 8): line(0, "smtpd", "connect from c.example[192.0.2.1]"),
        (0, 10): line(0, "smtpd", f"{ID}: client=c.example[192.0.2.1]"),
        (0, 12): line(0, "qmgr", f"{ID}: from=<s@a.example>, size=9, nrcpt=1 (queue active)"),
        (0, 13): line(0, "smtpd", "disconnect from c.example[192.0.2.1] ehlo=1"),
    }

    found = made_of(Rows(mail=mail, recipients=(to,), notices=notices, gaps=()))
    found = with_lines(found, {origin: lines[origin] for origin in ((0, 10), (0, 12))})
    found = with_session(found, (0, 10), lines)

    assert [step.kind for step in found.steps] == [
        "connect", "arrival", "active", "disconnect", "attempt", "bounce", "removed",
    ]  # fmt: skip
    assert {step.t for step in found.steps} == {BORN}
