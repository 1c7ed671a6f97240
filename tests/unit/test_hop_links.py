"""When the same message-id makes a mail the next hop of another, and when it does not."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from posttrail_answers.hop_links import (
    Candidate,
    Handed,
    Sure,
    chosen,
    judged,
    plausible,
)
from posttrail_answers.timeline import MailKey

BORN = datetime(2026, 3, 1, 10, tzinfo=UTC)
TO_FILTER = "127.0.0.1[127.0.0.1]:10024"
TO_MX2 = "mx2.b.example[192.0.2.9]:25"
TO_POOL = "pool.b.example[192.0.2.9]:25"


def key(queue_id: str, host: str, second: float) -> MailKey:
    return MailKey(queue_id, host, "postfix", BORN + timedelta(seconds=second))


def same_message(
    host: str, *relays: str, name: str | None = None, addr: str | None = None, by_user: bool = False
) -> Candidate:
    """A mail of mx1 that came from 198.51.100.7, and one with its message-id on `host`."""
    return Candidate(
        kind="message-id", parent=key("A", "mx1", 0), child=key("B", host, 1),
        parent_message_id="m@a.example", child_message_id="m@a.example",
        handed=Handed(
            relays=relays, client_name=name, client_addr=addr, by_user=by_user,
            parent_client_addr="198.51.100.7",
        ),
    )  # fmt: skip


HOPS = {
    "through a filter on the host": (same_message("mx1", TO_FILTER, addr="127.0.0.1"), Sure.LIKELY),
    "through a filter that calls sendmail": (
        same_message("mx1", "simple", by_user=True), Sure.LIKELY,
    ),
    "through a filter beside the host": (
        same_message("mx1", "scan.a.example[192.0.2.5]:25", addr="192.0.2.5"), Sure.LIKELY,
    ),
    "the relay is the host": (same_message("mx2", TO_MX2, addr="192.0.2.8"), Sure.LIKELY),
    "the relay gave it on": (
        same_message("mx2", "x.example[192.0.2.5]:25", addr="192.0.2.5"), Sure.LIKELY,
    ),
    "the client is the host": (
        same_message("mx2", TO_POOL, name="mx1.a.example", addr="192.0.2.8"), Sure.LIKELY,
    ),
    "the client is the host, whose deliveries are not known": (
        same_message("mx2", name="mx1.a.example", addr="192.0.2.8"), Sure.POSSIBLE,
    ),
    "only the times fit": (same_message("mx2", TO_POOL, addr="192.0.2.8"), Sure.POSSIBLE),
}  # fmt: skip
COPIES = {
    "twice to one host": same_message("mx1", TO_POOL, addr="198.51.100.7"),
    "from two clients to one host": same_message("mx1", TO_POOL, addr="198.51.100.8"),
    "by a program on the host, while the first went out": same_message(
        "mx1", TO_POOL, addr="127.0.0.1"
    ),
    "to two hosts": same_message("mx2", TO_POOL, addr="198.51.100.7"),
    "to two hosts, the first put into a mailbox": same_message("mx2", "virtual", addr="192.0.2.8"),
    "before the filter of the host that is the client": same_message(
        "mx2", TO_FILTER, name="mx1.a.example", addr="192.0.2.8"
    ),
    "to a program of another host": same_message("mx2", TO_POOL, addr="127.0.0.1"),
}


@pytest.mark.parametrize("name", HOPS)
def test_a_message_id_is_a_hop_where_the_mail_was_handed_on(name: str) -> None:
    candidate, sure = HOPS[name]

    found = judged(candidate)

    assert found is not None
    assert found.sure is sure


@pytest.mark.parametrize("name", COPIES)
def test_a_message_id_is_no_hop_where_the_mail_was_sent_again(name: str) -> None:
    assert judged(COPIES[name]) is None


def test_of_two_copies_that_may_have_gone_through_the_filter_the_other_is_named() -> None:
    first = same_message("mx1", TO_FILTER, addr="127.0.0.1")
    other = msgspec.structs.replace(first, parent=key("C", "mx1", 0.5))

    (found,) = chosen([first, other]).values()

    assert found.parent == other.parent
    assert (found.sure, found.doubt) == (Sure.POSSIBLE, "fits as well: A on mx1")


def test_of_many_mails_with_one_message_id_none_is_told_by_its_time_alone() -> None:
    one = same_message("mx2", TO_POOL, addr="192.0.2.8")
    other = msgspec.structs.replace(one, child=key("C", "mx3", 2))
    certain = same_message("mx2", TO_MX2, addr="192.0.2.8")

    assert plausible([one]) == [one]
    assert plausible([one, other]) == []
    assert plausible([one, other, certain]) == [certain]
