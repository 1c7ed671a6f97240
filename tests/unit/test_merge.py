"""Facts merged into rows: which line wins where lines differ."""

import itertools
from collections.abc import Iterable

from posttrail_sinks.copy_rows import mail_values, recipient_values
from posttrail_sinks.merge import NEWEST_ATTEMPTS, MailRow, RecipientRow, Rows

from posttrail.records import FromFact, ToFact
from tests.making import BORN, SHORT, T0, active, client, delivery, line, message_id, removed

KEY = (SHORT, "mx1", "postfix", BORN)


def _rows(facts: Iterable[FromFact | ToFact]) -> Rows:
    rows = Rows()
    for fact in facts:
        rows.add(fact, BORN)
    return rows


def _mail(*facts: FromFact | ToFact) -> MailRow:
    """The mail's row; the order of the facts must not matter."""
    found = [_rows(order).mails[KEY] for order in itertools.permutations(facts)]
    assert all(mail_values(row) == mail_values(found[0]) for row in found)
    return found[0]


def _recipient(*facts: ToFact) -> RecipientRow:
    """The only recipient's row; the order of the facts must not matter."""
    found = []
    for order in itertools.permutations(facts):
        (row,) = _rows(order).recipients.values()
        found.append(row)
    assert all(recipient_values(row) == recipient_values(found[0]) for row in found)
    return found[0]


def test_every_line_of_a_mail_moves_its_first_and_last_time() -> None:
    mail = _mail(client(1), delivery(5), removed(3))

    assert (mail.t_first - T0, mail.t_last - T0) == (1_000_000, 5_000_000)


def test_the_sender_as_qmgr_logs_it_wins() -> None:
    """It is the sender after rewriting; pickup logs the one before."""
    mail = _mail(line(1, "pickup", uid=0, sender="zoe"), active(2, sender="admin@example.com"))

    assert mail.sender is not None
    assert mail.sender[1] == "admin@example.com"


def test_the_null_sender_is_a_sender() -> None:
    assert _mail(active(1, sender="")).sender == (1, "", None, None)


def test_the_last_status_wins() -> None:
    held = line(1, "cleanup", status="held", reason="on hold")

    assert _mail(held, line(2, "postsuper", status="queued")).status == "queued"


def test_an_end_is_an_end_whatever_is_logged_later() -> None:
    assert _mail(removed(1), line(2, "postsuper", status="held")).status == "removed"


def test_why_a_mail_ended_beats_that_it_is_gone() -> None:
    refused = line(1, "cleanup", status="rejected", reason="no")
    mail = _mail(refused, line(2, "cleanup", status="canceled"))

    assert (mail.status, mail.reason) == ("rejected", "no")


def test_in_the_same_microsecond_the_later_line_wins() -> None:
    first = line(1, "postsuper", status="held")
    second = line(1, "postsuper", status="queued")

    assert _mail(first, second).status == "queued"


def test_a_request_to_expire_is_no_expiry() -> None:
    assert _mail(line(1, "postsuper", status="expired")).expired_at is None
    assert _mail(line(1, "qmgr", status="expired")).expired_at is not None


def test_a_mail_whose_beginning_was_not_logged_is_partial() -> None:
    assert _mail(active(1), delivery(2), removed(3)).partial
    assert not _mail(active(1), message_id(0)).partial


def test_ids_of_notifications_are_a_set() -> None:
    mail = _mail(
        line(1, "bounce", bounce_ids=("B", "A")), line(2, "bounce", bounce_ids=("A",)), removed(3)
    )

    assert mail.bounce_ids == {"A", "B"}


def test_addresses_compare_as_postgresql_compares_them() -> None:
    low, high = client(1, client_addr="192.0.2.9"), client(2, client_addr="192.0.2.10")

    assert _mail(low, high).addresses[0] == "192.0.2.10"
    assert _mail(high, client(3, client_addr="2001:db8::1")).addresses[0] == "2001:db8::1"


def test_an_end_beats_a_later_deferral() -> None:
    row = _recipient(delivery(1, "sent"), delivery(2, "deferred"))

    assert row.shown.status == "sent"
    assert len(row.attempts) == 2


def test_among_ends_the_later_wins() -> None:
    assert _recipient(delivery(1, "sent"), delivery(2, "bounced")).shown.status == "bounced"


def test_an_attempt_that_comes_again_is_not_counted_again() -> None:
    attempt = delivery(1, "deferred")

    assert len(_recipient(attempt, attempt, delivery(2)).attempts) == 2


def test_a_line_that_syslog_repeats_is_as_many_attempts() -> None:
    attempts = [delivery(1, "deferred", origin=(0, 7), ordinal=n) for n in range(3)]

    assert len(_recipient(*attempts).attempts) == 3


def test_the_newest_attempts_are_kept_in_full_and_all_are_counted() -> None:
    attempts = [delivery(at, "deferred") for at in range(400)]
    (row,) = _rows(reversed(attempts)).recipients.values()

    assert len(row.attempts) == 400
    assert row.newest() == attempts[-NEWEST_ATTEMPTS:]


def test_an_absent_original_recipient_is_equal_to_the_recipient() -> None:
    rows = _rows([delivery(1), delivery(2, orig_recipient="a@example.org")])

    assert len(rows.recipients) == 1


def test_one_recipient_through_two_aliases_is_two_rows() -> None:
    aliases = ("x@example.org", "y@example.org")
    rows = _rows([delivery(1, orig_recipient=alias) for alias in aliases])

    assert len(rows.recipients) == 2
