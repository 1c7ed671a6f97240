"""One mail across hosts and filters, on a real database."""

from collections.abc import Iterator

import pytest
from posttrail_answers import timeline
from posttrail_answers.database import reading
from posttrail_answers.hops import Node, Tree, tree
from posttrail_answers.trace import trails

from tests.landed import land

pytestmark = pytest.mark.postgres

DAY = "2026-03-01T10:00"


def line(second: float, host: str, daemon: str, message: str) -> str:
    return f"{DAY}:{second:09.6f}+00:00 {host} postfix/{daemon}[7]: {message}"


def arrival(
    second: float, host: str, queue_id: str, *, message: str = "m@a.example",
    client: str = "c.example[192.0.2.1]", more: str = "",
) -> list[str]:  # fmt: skip
    return [
        line(second, host, "smtpd", f"{queue_id}: client={client}{more}"),
        line(second, host, "cleanup", f"{queue_id}: message-id=<{message}>"),
        line(
            second, host, "qmgr", f"{queue_id}: from=<s@a.example>, size=9, nrcpt=1 (queue active)"
        ),
    ]


def sent(
    second: float, host: str, queue_id: str, relay: str, reply: str, *, to: str = "r@b.example"
) -> list[str]:
    daemon = "local" if relay == "local" else "smtp"
    return [
        line(
            second,
            host,
            daemon,
            f"{queue_id}: to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0,"
            f" status=sent ({reply})",
        ),
        line(second, host, "qmgr", f"{queue_id}: removed"),
    ]


def land_all(dsn: str, *groups: list[str]) -> None:
    """Lines of several mails."""
    land(dsn, (text.encode() for group in groups for text in group))


def tree_of(dsn: str, queue_id: str, host: str | None = None) -> Tree:
    with reading(dsn) as opened:
        (found,) = [
            trail.mail for trail in trails(opened, queue_id) if host in {None, trail.mail.host}
        ]
        return tree(opened, timeline.key_of(found))


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def shape(node: Node) -> list[tuple[str, str, str, str]]:
    return [
        (
            each.key.queue_id,
            each.key.host,
            each.link.kind if each.link else "",
            each.link.sure if each.link else "",
        )
        for each in nodes(node)
    ]


THREE_HOSTS = [
    arrival(1, "mx1", "00001AAAA"),
    arrival(2, "mx1", "00002BBBB", more=", orig_queue_id=00001AAAA"),
    sent(3, "mx1", "00001AAAA", "127.0.0.1[127.0.0.1]:10025", "250 2.0.0 Ok: queued as 00002BBBB"),
    arrival(4, "mx2", "00003CCCC"),
    sent(5, "mx1", "00002BBBB", "mx2.b.example[192.0.2.9]:25", "250 2.0.0 Ok: queued as 00003CCCC"),
    [line(6, "mx2", "cleanup", "00004DDDD: message-id=<m@a.example>"),
     line(6, "mx2", "qmgr", "00004DDDD: from=<s@a.example>, size=9, nrcpt=1 (queue active)")],
    sent(7, "mx2", "00003CCCC", "local", "forwarded as 00004DDDD"),
    [line(8, "mx2", "smtp", "00004DDDD: to=<x@c.example>, relay=c.example[192.0.2.7]:25, delay=1,"
          " delays=0/0/0/1, dsn=5.1.1, status=bounced (550 5.1.1 no such user)"),
     line(8.2, "mx2", "cleanup", "30D4EEEE1: message-id=<20260301.30D4EEEE1@mx2>"),
     line(8.3, "mx2", "bounce", "00004DDDD: sender non-delivery notification: 30D4EEEE1"),
     line(8.4, "mx2", "qmgr", "00004DDDD: removed"),
     line(8.5, "mx2", "qmgr", "30D4EEEE1: from=<>, size=9, nrcpt=1 (queue active)")],
]  # fmt: skip


@pytest.mark.parametrize("asked", ["00001AAAA", "00002BBBB", "00003CCCC", "00004DDDD", "30D4EEEE1"])
def test_every_hop_shows_the_same_tree(dsn: str, asked: str) -> None:
    land_all(dsn, *THREE_HOSTS)

    found = tree_of(dsn, asked)

    assert shape(found.root) == [
        ("00001AAAA", "mx1", "", ""),
        ("00002BBBB", "mx1", "queued as", "certain"),
        ("00003CCCC", "mx2", "queued as", "certain"),
        ("00004DDDD", "mx2", "forwarded as", "certain"),
        ("30D4EEEE1", "mx2", "bounce", "certain"),
    ]
    assert [node.key.queue_id for node in nodes(found.root) if node.asked] == [asked]
    assert (found.mails, found.cut) == (5, False)


def test_an_id_that_two_hosts_have_belongs_to_the_relay(dsn: str) -> None:
    reply = "250 2.0.0 Ok: queued as 00003CCCC"
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        arrival(2, "mx2", "00003CCCC"),
        arrival(2, "mx3", "00003CCCC", message="other@a.example"),
        sent(3, "mx1", "00001AAAA", "mx2.b.example[192.0.2.9]:25", reply),
    )

    found = tree_of(dsn, "00001AAAA")

    assert shape(found.root)[1:] == [("00003CCCC", "mx2", "queued as", "certain")]


def test_two_mails_that_fit_equally_are_said(dsn: str) -> None:
    reply = "250 2.0.0 Ok: queued as 00003CCCC"
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        arrival(2, "mx2", "00003CCCC"),
        arrival(2, "mx3", "00003CCCC"),
        sent(3, "mx1", "00001AAAA", "pool.b.example[192.0.2.9]:25", reply),
    )

    found = tree_of(dsn, "00001AAAA")

    links = [node.link for node in found.root.children]
    assert [link.sure for link in links if link] == ["possible", "possible"]
    assert [link.doubt for link in links if link] == [
        "fits as well: 00003CCCC on mx3",
        "fits as well: 00003CCCC on mx2",
    ]


def test_a_foreign_servers_id_that_is_one_of_ours_is_no_link(dsn: str) -> None:
    reply = "250 2.0.0 Ok: queued as 00003CCCC"
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        arrival(2, "mx2", "00003CCCC", message="other@a.example"),
        sent(3, "mx1", "00001AAAA", "mail.c.example[203.0.113.9]:25", reply),
    )

    assert tree_of(dsn, "00001AAAA").mails == 1


def test_without_an_id_the_same_message_on_another_host_is_likely(dsn: str) -> None:
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        arrival(2, "mx2", "00003CCCC", client="mx1.a.example[192.0.2.8]"),
        sent(3, "mx1", "00001AAAA", "mail.b.example[192.0.2.9]:25", "250 thank you"),
    )

    found = tree_of(dsn, "00003CCCC")

    assert shape(found.root)[1:] == [("00003CCCC", "mx2", "message-id", "likely")]


def test_without_an_id_a_filter_that_calls_sendmail_is_likely(dsn: str) -> None:
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        [line(2, "mx1", "pickup", "00002BBBB: uid=65534 from=<s@a.example>"),
         line(2, "mx1", "cleanup", "00002BBBB: message-id=<m@a.example>")],
        sent(3, "mx1", "00001AAAA", "simple", "delivered via simple service"),
    )  # fmt: skip

    found = tree_of(dsn, "00001AAAA")

    assert shape(found.root)[1:] == [("00002BBBB", "mx1", "message-id", "likely")]


@pytest.mark.parametrize("second_host", ["mx1", "mx2"])
def test_a_mail_that_a_client_sends_twice_is_no_hop_of_itself(dsn: str, second_host: str) -> None:
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        arrival(2, second_host, "00003CCCC"),
        sent(3, "mx1", "00001AAAA", "mx2.b.example[192.0.2.9]:25", "250 thank you"),
        sent(4, second_host, "00003CCCC", "mx1.b.example[192.0.2.9]:25", "250 thank you"),
    )

    assert tree_of(dsn, "00001AAAA").mails == 1
    assert tree_of(dsn, "00003CCCC").mails == 1


NOTICES = {
    "delay": "00001AAAA: sender delay notification: 00002BBBB",
    "dsn": "00001AAAA: sender delivery status notification: 00002BBBB",
}


@pytest.mark.parametrize("kind", NOTICES)
def test_a_notice_stands_below_the_mail_that_it_is_about(dsn: str, kind: str) -> None:
    notice = "message-id=<20260301.00002BBBB@mx1>"
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        [
            line(3, "mx1", "cleanup", f"00002BBBB: {notice}"),
            line(3, "mx1", "bounce", NOTICES[kind]),
        ],
        arrival(4, "mx2", "00002BBBB", message="other@a.example"),
    )

    for asked in ("00001AAAA", "00002BBBB"):
        found = tree_of(dsn, asked, "mx1")
        assert shape(found.root)[1:] == [("00002BBBB", "mx1", kind, "certain")]


def test_a_requeued_mail_stands_below_what_it_was(dsn: str) -> None:
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA"),
        [line(2, "mx1", "pickup", "00002BBBB: uid=102 from=<s@a.example> orig_id=00001AAAA"),
         line(2, "mx1", "cleanup", "00002BBBB: message-id=<m@a.example>")],
        arrival(2, "mx2", "00001AAAA", message="other@a.example"),
    )  # fmt: skip

    for asked in ("00001AAAA", "00002BBBB"):
        found = tree_of(dsn, asked, "mx1")
        assert shape(found.root)[1:] == [("00002BBBB", "mx1", "requeued", "certain")]


def test_mails_that_name_each_other_are_no_endless_circle(dsn: str) -> None:
    land_all(
        dsn,
        arrival(1, "mx1", "00001AAAA", more=", orig_queue_id=00003CCCC"),
        arrival(1, "mx1", "00003CCCC", more=", orig_queue_id=00001AAAA"),
        sent(2, "mx1", "00001AAAA", "127.0.0.1[127.0.0.1]:25", "250 Ok: queued as 00003CCCC"),
        sent(2, "mx1", "00003CCCC", "127.0.0.1[127.0.0.1]:25", "250 Ok: queued as 00001AAAA"),
    )

    assert tree_of(dsn, "00001AAAA").mails == 2


def test_a_list_with_more_recipients_than_fit_is_cut_and_says_so(dsn: str) -> None:
    each = [
        arrival(2, "mx1", f"00002{number:04X}")
        + sent(3, "mx1", "00001AAAA", "127.0.0.1[127.0.0.1]:25",
               f"250 Ok: queued as 00002{number:04X}", to=f"r{number}@b.example")[:1]
        for number in range(310)
    ]  # fmt: skip
    land_all(dsn, arrival(1, "mx1", "00001AAAA"), *each)

    found = tree_of(dsn, "00001AAAA")

    assert found.cut
    assert 100 < found.mails <= 300
