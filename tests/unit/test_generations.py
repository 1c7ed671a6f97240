"""Which mail a line with a short queue id is of: the corner cases, one by one."""

from collections.abc import Sequence

from posttrail_sinks.generations import ShortFact, assign
from posttrail_sinks.policy import DAY

from posttrail.identity import SECOND
from tests.making import BORN, T0, active, client, delivery, line, message_id, removed

WEEK = 7 * DAY


def _mails(*facts: ShortFact) -> list[list[int]]:
    """The places of the facts, by mail."""
    places = {id(fact): at for at, fact in enumerate(facts)}
    return [
        [places[id(fact)] for fact in generation.facts] for generation in assign(facts, WEEK)
    ]  # fmt: skip


def _births(*facts: ShortFact) -> list[int]:
    return [generation.born - BORN for generation in assign(facts, WEEK)]


def _headless(facts: Sequence[ShortFact]) -> list[bool]:
    return [generation.headless for generation in assign(facts, WEEK)]


def test_a_mail_is_born_at_the_last_instant_with_its_microseconds() -> None:
    assert _births(client(0.443), message_id(0.6), active(2.1), removed(9)) == [0]


def test_a_line_logged_in_the_next_second_still_finds_the_birth() -> None:
    assert _births(client(1.3)) == [0]


def test_a_stamp_in_whole_seconds_stands_for_the_whole_second() -> None:
    assert _births(client(0), message_id(0), active(1), removed(1)) == [0]


def test_an_id_used_again_a_second_after_its_removal_is_another_mail() -> None:
    facts: list[ShortFact] = [
        client(0.5),
        active(0.6),
        removed(0.7),
        client(1.5),
        active(1.6),
        removed(1.7),
    ]

    assert _mails(*facts) == [[0, 1, 2], [3, 4, 5]]
    assert _births(*facts) == [0, SECOND]


def test_a_second_arrival_is_a_second_mail_even_without_a_removal() -> None:
    assert _mails(client(0.5), message_id(0.6), client(60.5), delivery(61)) == [[0, 1], [2, 3]]


def test_a_recipient_logged_after_the_removal_belongs_to_the_removed_mail() -> None:
    assert _mails(client(0.5), active(0.6), removed(1), delivery(1.4)) == [[0, 1, 2, 3]]


def test_a_recipient_logged_after_the_next_arrival_belongs_to_the_next_mail() -> None:
    assert _mails(client(0.5), removed(1), client(2.5), delivery(2.6)) == [[0, 1], [2, 3]]


def test_a_line_long_after_the_removal_belongs_to_a_mail_whose_beginning_is_missing() -> None:
    facts: list[ShortFact] = [client(0.5), removed(1), delivery(3600)]

    assert _mails(*facts) == [[0, 1], [2]]
    assert _headless(facts) == [False, True]


def test_pickup_may_log_after_cleanup() -> None:
    facts: list[ShortFact] = [message_id(0.44), line(0.45, "pickup", uid=0), active(0.5)]

    assert _mails(*facts) == [[0, 1, 2]]


def test_pickup_may_log_after_cleanup_in_the_next_second() -> None:
    facts: list[ShortFact] = [message_id(0.5), line(1.45, "pickup", uid=0), active(1.5)]

    assert _mails(*facts) == [[0, 1, 2]]
    assert _births(*facts) == [0]


def test_pickup_may_log_after_the_removal() -> None:
    assert _mails(message_id(0.45), removed(0.5), line(0.51, "pickup", uid=0)) == [[0, 1, 2]]


def test_a_subject_before_the_message_id_opens_a_bounce() -> None:
    facts: list[ShortFact] = [
        line(0.45, "cleanup", subject="Undelivered"),
        message_id(0.46),
        active(0.5),
    ]

    assert _mails(*facts) == [[0, 1, 2]]
    assert _headless(facts) == [False]


def test_a_bounce_with_the_id_of_a_removed_mail_is_a_mail() -> None:
    facts: list[ShortFact] = [
        client(0.5),
        active(0.6),
        removed(0.7),
        message_id(5.5),
        active(5.6),
        delivery(6),
    ]

    assert _mails(*facts) == [[0, 1, 2], [3, 4, 5]]


def test_a_bounce_with_the_id_of_a_mail_that_never_was_removed_is_a_mail() -> None:
    """cleanup is done with a mail before it is delivered: this one must be another."""
    facts: list[ShortFact] = [
        client(0.5),
        message_id(0.6),
        active(0.7),
        message_id(3600.5),
        active(3600.6),
    ]

    assert _mails(*facts) == [[0, 1, 2], [3, 4]]


def test_a_bounce_with_the_id_of_a_mail_that_was_abandoned_long_ago_is_a_mail() -> None:
    assert _mails(client(0.5), message_id(7200.5), active(7200.6)) == [[0], [1, 2]]


def test_a_line_logged_before_the_arrival_but_after_the_birth_is_of_the_new_mail() -> None:
    """The mail before it never was removed, so that the line could be one of its retries."""
    early = [active(7200.46), client(7200.47), removed(7200.9)]

    assert _mails(client(0.5), message_id(0.6), *early) == [[0, 1], [2, 3, 4]]


def test_every_retry_belongs_to_the_mail() -> None:
    facts: list[ShortFact] = [client(0.5), active(0.6), delivery(1, "deferred")]
    facts += [active(at * 4000.0) for at in range(1, 100)]
    facts += [removed(400_000)]

    assert _births(*facts) == [0]


def test_a_mail_that_is_held_for_days_is_one_mail() -> None:
    held = line(0.6, "cleanup", status="held")
    released = line(5 * 86_400, "postsuper", status="queued")

    assert _births(client(0.5), held, released, active(432_001), removed(432_002)) == [0]


def test_silence_for_longer_than_postfix_keeps_a_mail_ends_it() -> None:
    assert _mails(client(0.5), active(0.6), delivery(8 * 86_400)) == [[0, 1], [2]]


def test_a_mail_that_started_before_the_log_is_one_mail_without_a_head() -> None:
    facts: list[ShortFact] = [delivery(1, "deferred"), delivery(500, "deferred"), removed(501)]

    assert _mails(*facts) == [[0, 1, 2]]
    assert _headless(facts) == [True]


def test_a_retry_by_qmgr_opens_a_mail_that_started_before_the_log() -> None:
    facts: list[ShortFact] = [
        active(1),
        delivery(2, "deferred"),
        active(500),
        delivery(501),
        removed(502),
    ]

    assert _mails(*facts) == [[0, 1, 2, 3, 4]]
    assert _headless(facts) == [False]


def test_a_refusal_by_cleanup_ends_a_mail_but_not_before_cleanup_has_said_all() -> None:
    refused = line(0.6, "cleanup", status="rejected", reason="no")

    assert _mails(client(0.5), refused, message_id(1.5), message_id(60.5)) == [[0, 1, 2], [3]]


def test_no_line_is_assigned_twice_or_not_at_all() -> None:
    facts: list[ShortFact] = [delivery(at / 10) for at in range(50)] + [
        client(at + 0.45) for at in range(5)
    ]

    assert sorted(place for mail in _mails(*facts) for place in mail) == list(range(55))


def test_the_birth_is_never_after_the_line() -> None:
    assert all(born <= 0 for born in _births(client(0.4433)))
    assert T0 < BORN
