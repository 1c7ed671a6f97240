"""Rows as COPY text: nothing that a stranger writes may break out of its column."""

import pytest
from posttrail_sinks.copy_rows import (
    mail_line,
    mail_values,
    recipient_line,
    recipient_values,
)
from posttrail_sinks.copy_text import NULL, line, number_array, text_array
from posttrail_sinks.merge import Rows
from posttrail_sinks.packing import packed

from tests.making import BORN, active, client, delivery, message_id, removed
from tests.making import line as fact

NASTY = ["\\.", "\\N", "a\tb", "a\nb", "a\rb", "\\", 'say "no"']


@pytest.mark.parametrize("text", NASTY)
def test_a_text_stays_in_its_column(text: str) -> None:
    written = line(["a", text, None])

    assert written.count("\t") == 2
    assert "\n" not in written
    assert "\r" not in written
    assert written.split("\t")[1] not in {"\\.", "\\N"}


def test_plain_values_are_written_as_they_are() -> None:
    assert line(["a", 1, 0.5, None, True]) == f"a\t1\t0.5\t{NULL}\tTrue"


def test_arrays_are_quoted_where_they_need_it() -> None:
    assert text_array(["A", "null", 'a"\\,']) == '{A,"null","a\\"\\\\,"}'
    assert number_array((1, -2)) == "{1,-2}"
    assert number_array((0.5, 4e-05)) == "{0.5,0.00004}"


@pytest.mark.parametrize("text", ["plain", *NASTY])
def test_the_fast_way_writes_the_same_columns_as_the_slow_one(text: str) -> None:
    rows = Rows()
    delays = (0.1, 0.02, 0.3, 4.0)
    for one in (
        client(1, client_addr="192.0.2.1", sasl_username=text),
        message_id(1, subject=text),
        active(2, verp_id="7"),
        removed(3),
        delivery(2, response=text, delays=delays, relay_addr="192.0.2.1", relay_port=25),
        delivery(3, response=text, recipient="b@example.org", dsn="2.0.0"),
        fact(4, "cleanup", queue_id="X", status="held", reason=text, bounce_ids=("A",)),
    ):
        rows.add(one, BORN)

    for mail in rows.mails.values():
        assert mail_line(mail) == line(mail_values(mail))
    for recipient in rows.recipients.values():
        assert recipient_line(recipient) == line(recipient_values(recipient))


def test_every_line_has_a_number_of_its_own() -> None:
    places = [((p, o), n) for p in (0, 1, 511) for o in (0, 1, 1 << 40) for n in (0, 255)]

    assert len({packed(*place) for place in places}) == len(places)
    assert all(0 <= packed(*place) < 1 << 63 for place in places)


def test_a_place_beyond_the_room_is_hashed_below_zero() -> None:
    beyond = [((512, 0), 0), ((0, 1 << 46), 0), ((0, 0), 256)]

    assert all(-(1 << 63) <= packed(*place) < 0 for place in beyond)
    assert len({packed(*place) for place in beyond}) == 3
