"""What PostgreSQL's errors ask of a sink, how long it waits, which places people can name."""

import psycopg2
import pytest
from posttrail_sinks.backoff import LONGEST_S, Backoff
from posttrail_sinks.database import meaning
from posttrail_sinks.offsets import Claim, Extent, Skip, skips
from posttrail_sinks.places import AtOffset, AtTime, place
from psycopg2 import errorcodes

from posttrail.errors import BadInput, NotReady, Poison, Retry, Unreachable


@pytest.mark.parametrize(
    ("state", "reaction"),
    [
        (errorcodes.DISK_FULL, Retry), (errorcodes.TOO_MANY_CONNECTIONS, Retry),
        (errorcodes.READ_ONLY_SQL_TRANSACTION, Retry), (errorcodes.ADMIN_SHUTDOWN, Retry),
        (errorcodes.CANNOT_CONNECT_NOW, Retry), (errorcodes.DEADLOCK_DETECTED, Retry),
        (errorcodes.SERIALIZATION_FAILURE, Retry), (errorcodes.LOCK_NOT_AVAILABLE, Retry),
        (errorcodes.UNIQUE_VIOLATION, Retry), (errorcodes.QUERY_CANCELED, Retry),
        (errorcodes.IDLE_IN_TRANSACTION_SESSION_TIMEOUT, Retry), (errorcodes.IO_ERROR, Retry),
        (errorcodes.INVALID_TEXT_REPRESENTATION, Poison), (errorcodes.CHECK_VIOLATION, Poison),
        (errorcodes.NUMERIC_VALUE_OUT_OF_RANGE, Poison), (errorcodes.NOT_NULL_VIOLATION, Poison),
        (errorcodes.UNTRANSLATABLE_CHARACTER, Poison), (errorcodes.CARDINALITY_VIOLATION, Poison),
        (errorcodes.PROGRAM_LIMIT_EXCEEDED, Poison),
        (errorcodes.UNDEFINED_TABLE, NotReady), (errorcodes.UNDEFINED_COLUMN, NotReady),
        (errorcodes.INSUFFICIENT_PRIVILEGE, NotReady),
        (errorcodes.INVALID_SCHEMA_NAME, NotReady),
        (errorcodes.INVALID_PASSWORD, Unreachable), (errorcodes.INVALID_CATALOG_NAME, Unreachable),
    ],
)  # fmt: skip
def test_an_sqlstate_asks_for_one_reaction(state: str, reaction: type[Exception]) -> None:
    assert type(meaning(with_state(state))) is reaction


class WithState(psycopg2.Error):
    """An error as the server sends it; psycopg2 gives the state to no other code."""

    pgcode: str | None = None


def with_state(state: str) -> psycopg2.Error:
    error = WithState("ERROR:  it happened\nDETAIL:  Key (sender)=(alice@example.com)")
    error.pgcode = state
    return error


def test_a_broken_connection_asks_for_another_try() -> None:
    assert type(meaning(psycopg2.OperationalError("server closed the connection"))) is Retry
    assert type(meaning(psycopg2.InterfaceError("connection already closed"))) is Retry
    assert type(meaning(SystemError("returned NULL without setting an exception"))) is Retry


def test_text_that_cannot_be_sent_is_poison() -> None:
    assert type(meaning(ValueError("a text holds a NUL character"))) is Poison
    assert type(meaning(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"))) is Poison


def test_details_that_may_hold_addresses_are_left_out() -> None:
    found = meaning(with_state(errorcodes.CHECK_VIOLATION))

    assert "alice" not in str(found)


def test_other_errors_are_not_of_the_database() -> None:
    assert meaning(KeyError("x")) is None


def test_waits_grow_to_a_limit_and_start_again_after_a_success() -> None:
    backoff = Backoff()
    waits = [backoff.failed() for _ in range(40)]
    backoff.worked()

    assert waits[0] <= 0.2
    assert all(later > earlier for earlier, later in zip(waits[0:5:2], waits[2:7:2], strict=True))
    assert LONGEST_S / 2 <= waits[-1] <= LONGEST_S
    assert backoff.failed() <= 0.2


def test_a_claim_outside_of_what_can_be_read_skips() -> None:
    claims = [Claim(0, 1, 5), Claim(1, 1, 50), Claim(2, 1, 200)]
    extents = dict.fromkeys(range(3), Extent(10, 100))

    assert skips(claims, extents) == [Skip(0, 5, 10), Skip(2, 200, 100)]


def test_people_name_offsets_and_times() -> None:
    assert place("1200") == AtOffset(1200)
    assert place("2019-11-27T16:19:22Z") == AtTime(1_574_871_562_000)
    assert place("2019-11-27T17:19:22.5+01:00") == AtTime(1_574_871_562_500)


@pytest.mark.parametrize("text", ["", "yesterday", "-1", "1e3", "2019-13-01"])
def test_other_places_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="neither an offset nor a time"):
        place(text)
