"""A mail host's clock is set while a mail is under way: what holds, and what cannot.

Mails that begin and end on one side of the jump are whole; tests/fault/test_matrix.py shows that.
"""

from posttrail_sinks.generations import ShortFact, assign

from tests.making import active, client, delivery, message_id, removed

HOUR = 3600.0
LIFETIME = 7 * 24 * 3600 * 1_000_000


def test_a_jump_ahead_leaves_a_mail_of_a_short_id_whole() -> None:
    begun = [client(0.5), message_id(0.6), active(0.7)]
    mail: list[ShortFact] = [*begun, delivery(5 * HOUR), removed(5 * HOUR + 0.1)]

    [one] = assign(mail, LIFETIME)

    assert one.facts == mail


def test_a_jump_back_splits_a_mail_of_a_short_id_and_the_rest_is_marked() -> None:
    """Lines before a mail's birth cannot be its own: the id had other mails then."""
    begun = [client(0.5), message_id(0.6), active(0.7)]
    ended: list[ShortFact] = [delivery(-5 * HOUR), removed(-5 * HOUR + 0.1)]

    rest, mail = assign([*begun, *ended], LIFETIME)

    assert (mail.facts, rest.facts) == (begun, ended)
    assert rest.headless
    assert not mail.headless
