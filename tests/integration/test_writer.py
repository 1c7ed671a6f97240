"""What a batch does to the tables that were there."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import msgspec
import psycopg2
import pytest
from posttrail_processors.lines import Rules, read_line
from posttrail_sinks.policy import Policy
from posttrail_sinks.upkeep import give_up_waiting, keep_up

from posttrail.identity import SECOND
from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact
from tests.making import BORN, T0, active, client, delivery, line, message_id, removed
from tests.tables import Store

pytestmark = pytest.mark.postgres
HOUR = 3600 * SECOND
DAY = 24 * HOUR
TALK = """\
Nov 27 16:19:22 mail postfix/smtpd[18995]: NOQUEUE: reject: RCPT from unknown[192.0.2.244]: 454 4.7.1 <spam@example.org>: Relay access denied; from=<spam@example.org> to=<spam@example.org> proto=ESMTP helo=<WIN-G7CPHCGK247>
Nov 27 16:22:49 mail postfix/smtpd[18999]: 47NQzY13DbzNWNQG: client=mail.example.com[2001:db8::10:107]
Nov 27 16:22:49 mail postfix/cleanup[19003]: 47NQzY13DbzNWNQG: info: header Subject: Re: test from mail.example.com[2001:db8::10:107]; from=<i@example.com> to=<i@example.net> proto=ESMTP helo=<mail.example.com>
Nov 27 16:22:49 mail postfix/cleanup[19003]: 47NQzY13DbzNWNQG: message-id=<d5154432@example.com>
Nov 27 16:22:49 mail postfix/qmgr[29349]: 47NQzY13DbzNWNQG: from=<i@example.com>, size=1365, nrcpt=2 (queue active)
Nov 27 16:22:50 mail postfix/lmtp[19005]: 47NQzY13DbzNWNQG: to=<j@example.net>, relay=mail.example.net[private/dovecot-lmtp], delay=1.2, delays=0.56/0.01/0.01/0.63, dsn=2.0.0, status=sent (250 2.0.0 Saved)
Nov 27 16:22:50 mail postfix/lmtp[19005]: 47NQzY13DbzNWNQG: to=<i@example.net>, relay=mail.example.net[private/dovecot-lmtp], delay=1.2, delays=0.56/0.01/0.01/0.63, dsn=2.0.0, status=sent (250 2.0.0 Saved)
Nov 27 16:22:50 mail postfix/qmgr[29349]: 47NQzY13DbzNWNQG: removed
"""  # noqa: E501


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with closing(Store(dsn)) as made:
        made.now = T0 + HOUR
        yield made


def _talk() -> list[AnyFact]:
    facts: list[AnyFact] = []
    for n, text in enumerate(TALK.splitlines()):
        canonical = f"2019-11-27T{text[7:15]}+00:00 {text[16:]}"
        facts += read_line(canonical.encode(), (0, n), Rules()).facts
    return facts


def _rebirths(store: Store) -> list[int]:
    """Of each mail: its birth after BORN, in seconds."""
    births = store.ask(
        "SELECT (extract(epoch FROM born) * 1000000)::bigint FROM delivery_from ORDER BY born"
    )
    return [(born - BORN) // SECOND for (born,) in births]


def test_the_lines_of_a_mail_make_a_row_and_one_for_each_recipient(store: Store) -> None:
    store.write(_talk())

    assert store.ask(
        "SELECT born::text, sender, size, nrcpt, subject, message_id, client_name, client_addr, "
        "status, partial FROM delivery_from"
    ) == [
        (
            "2019-11-27 16:22:49.149375+00", "i@example.com", 1365, 2, "Re: test",
            "<d5154432@example.com>", "mail.example.com", "2001:db8::10:107", "removed", False,
        )
    ]  # fmt: skip
    assert store.ask("SELECT recipient, status, delays, attempt_count FROM delivery_to") == [
        ("i@example.net", "sent", [0.56, 0.01, 0.01, 0.63], 1),
        ("j@example.net", "sent", [0.56, 0.01, 0.01, 0.63], 1),
    ]
    assert store.ask("SELECT action, code, recipient FROM noqueue") == [
        ("reject", "454", "spam@example.org")
    ]


def test_a_line_waits_for_the_one_that_opens_its_mail(store: Store) -> None:
    store.write([delivery(2)])
    assert _rebirths(store) == []

    store.write([client(0.5)])

    assert _rebirths(store) == [0]
    assert store.ask("SELECT recipient FROM mail") == [("a@example.org",)]


def test_a_line_that_waited_too_long_becomes_a_partial_mail(store: Store) -> None:
    store.write([delivery(2), removed(3)])
    store.now += HOUR

    done = keep_up(store.connection, store.writer)

    assert done.gave_up_waiting == 1
    assert store.ask("SELECT partial, status FROM delivery_from") == [(True, "removed")]


def test_a_partial_mail_becomes_whole_when_its_beginning_comes(store: Store) -> None:
    store.write([delivery(2.5), removed(3)])
    store.now += HOUR
    keep_up(store.connection, store.writer)
    assert _rebirths(store) == [2]

    store.write([client(0.5), message_id(0.6)])

    assert _rebirths(store) == [0]
    assert store.ask("SELECT partial, recipient FROM mail") == [(False, "a@example.org")]


def test_an_older_mail_of_the_same_id_takes_its_lines_back(store: Store) -> None:
    """Its beginning and end come late: until then its lines looked like the younger one's."""
    first: list[AnyFact] = [client(0.5), active(0.6), delivery(50, "bounced"), removed(51)]
    second: list[AnyFact] = [client(60.5), active(60.6), delivery(61), removed(62)]
    store.write([second[2], first[2], second[3], first[1]])
    store.write([first[3], second[1]])
    store.write([second[0], first[0]])

    assert _rebirths(store) == [0, 60]
    assert store.ask("SELECT status FROM delivery_to ORDER BY born") == [("bounced",), ("sent",)]


def test_mails_of_two_hosts_and_two_instances_keep_apart(store: Store) -> None:
    store.write([client(0.5), client(0.5, host="mx2"), client(0.5, instance="postfix-out")])

    assert store.ask("SELECT host, instance FROM delivery_from ORDER BY 1, 2") == [
        ("mx1", "postfix"), ("mx1", "postfix-out"), ("mx2", "postfix"),
    ]  # fmt: skip


def test_a_mail_that_expires_takes_its_deferred_recipients_with_it(store: Store) -> None:
    store.write([client(0.5), delivery(1, "deferred"), delivery(2, recipient="b@example.org")])
    store.write([line(500, "qmgr", status="expired", sender="")])
    store.write([delivery(3, "deferred", recipient="late@example.org")])

    assert store.ask("SELECT recipient, status FROM delivery_to ORDER BY 1") == [
        ("a@example.org", "expired"), ("b@example.org", "sent"), ("late@example.org", "expired"),
    ]  # fmt: skip


def test_five_days_of_deferrals_and_then_a_delivery(store: Store) -> None:
    store.now = T0 + 6 * DAY
    retries = [delivery(1000.0 * n, "deferred", queue_id="47NQzY13DbzNWNQG") for n in range(1, 400)]
    old = [msgspec.structs.replace(fact, t=fact.t - T0 + _talk()[1].t) for fact in retries]
    sent = msgspec.structs.replace(old[-1], t=old[-1].t + SECOND, status="sent", origin=(1, 9))
    for start in range(0, 399, 7):
        store.write([*old[start : start + 10], sent])

    assert store.ask(
        "SELECT status, attempt_count, jsonb_array_length(attempts) FROM delivery_to"
    ) == [("sent", 400, 20)]
    store.write(old)
    assert store.ask("SELECT attempt_count, attempts->-1->>'status' FROM delivery_to") == [
        (400, "sent")
    ]


def test_a_requeued_mail_is_linked_to_the_one_it_was(store: Store) -> None:
    store.write([line(0.5, "pickup", uid=0, sender="", requeued_from="6BFBD248999")])

    assert store.ask("SELECT requeued_from FROM delivery_from") == [("6BFBD248999",)]


def test_a_refusal_that_comes_twice_is_one_row(store: Store) -> None:
    refusal = NoqueueFact(
        t=T0, host="mx1", instance="postfix", component="smtpd", origin=(0, 1), action="reject"
    )
    again = msgspec.structs.replace(refusal, ordinal=1)
    store.write([refusal, refusal])
    store.write([refusal, again])

    assert store.ask("SELECT ordinal FROM noqueue ORDER BY 1") == [(0,), (1,)]


def test_a_gap_is_a_row(store: Store) -> None:
    store.write([GapFact(t=T0, host="mx1", origin=(0, 1), source="journal", reason="suppressed")])

    assert store.ask("SELECT host, source, lines FROM log_gap") == [("mx1", "journal", None)]


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (client(2 * 86_400), "in the future by more than a day"),
        (client(-40 * 86_400), "older than rows are kept"),
        (client(1, queue_id="NOT-AN-ID"), "not a queue id"),
        (client(1, queue_id="zzzzzzzzzz01z1"), "the queue id holds a time after the line's"),
        (client(1, queue_id="47NQzY13DbzNWNQG"), "the queue id holds a time long before"),
    ],
)
def test_what_no_row_may_hold_is_set_aside_with_a_reason(
    store: Store, fact: FromFact, reason: str
) -> None:
    store.writer.policy = Policy(retention_days=30)
    store.write([fact, client(0.5)])
    store.write([fact])

    assert _rebirths(store) == [0]
    ((why, text),) = store.ask("SELECT reason, fact FROM set_aside")
    assert reason in why
    assert msgspec.json.decode(text, type=FromFact) == fact


def test_rows_that_are_too_old_are_dropped_and_do_not_come_back(store: Store) -> None:
    store.now = T0
    facts: list[AnyFact] = [client(0.5 - 40 * 86_400), client(0.5)]
    store.write(facts)
    store.writer.policy = Policy(retention_days=30)

    done = keep_up(store.connection, store.writer)
    store.write(facts)

    assert len(done.dropped) == 3
    assert _rebirths(store) == [0]


def test_a_line_that_waited_until_its_day_was_too_old_is_set_aside(store: Store) -> None:
    store.writer.policy = Policy(retention_days=1)
    store.now = T0 + DAY
    store.write([delivery(2)])
    store.now = T0 + 3 * DAY

    assert keep_up(store.connection, store.writer).gave_up_waiting == 1
    assert keep_up(store.connection, store.writer).gave_up_waiting == 0
    assert _rebirths(store) == []
    assert store.ask("SELECT kind FROM set_aside") == [("to",)]


def test_facts_of_short_ids_are_forgotten_and_their_rows_stay(store: Store) -> None:
    facts: list[FromFact | ToFact] = [message_id(0.5), active(0.6), delivery(1), removed(2)]
    store.write(facts)
    before = store.dump()
    store.now += 8 * DAY
    assert keep_up(store.connection, store.writer).forgotten == 1

    store.write(facts[2:])
    store.write(facts[1:2])
    store.now += HOUR
    keep_up(store.connection, store.writer)

    assert store.dump() == before


def test_a_mail_with_a_young_line_is_not_forgotten(store: Store) -> None:
    store.write([client(0.5), active(0.6)])
    store.now += 5 * DAY
    store.write([delivery(5 * 86_400)])
    store.now += 3 * DAY

    assert keep_up(store.connection, store.writer).forgotten == 0


@pytest.mark.parametrize(
    "poison",
    [
        client(1, host="mx9", client_addr="not an address"),
        client(1, host="mx9", client_port=1 << 40),
        active(1, host="mx9", sender="\0"),
        active(1, host="mx9", sender="\ud800"),
    ],
)
def test_a_fact_that_postgresql_refuses_fails_its_batch_as_bad_data(
    store: Store, poison: FromFact
) -> None:
    with pytest.raises((psycopg2.DataError, ValueError)):
        store.write([client(0.5), poison])
    store.connection.rollback()

    assert _rebirths(store) == []


def test_an_impatient_session_gives_way_to_the_one_that_brings_the_beginning(
    dsn: str, store: Store
) -> None:
    """Both saw the line waiting; the first to commit decides, the other lets be."""
    store.write([delivery(2)])
    with closing(Store(dsn)) as other, ThreadPoolExecutor() as pool:
        other.now = store.now + HOUR
        with store.connection, store.connection.cursor() as cursor:
            store.writer.write(cursor, store.writer.prepare([client(0.5)]))
            impatient = pool.submit(give_up_waiting, other.connection, other.writer)
            _wait_for_a_lock(dsn, impatient)
        assert impatient.result(10) == 0

    assert _rebirths(store) == [0]
    assert store.ask("SELECT count(*) FROM delivery_to") == [(1,)]


def _wait_for_a_lock(dsn: str, work: Future[int]) -> None:
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        deadline = time.monotonic() + 20
        while not work.done() and time.monotonic() < deadline:
            cursor.execute(waits + " AND datname = current_database()")
            if cursor.fetchone():
                return
            connection.rollback()
    pytest.fail("the other session did not wait")


def test_indexes_take_the_longest_texts(store: Store) -> None:
    rng = random.Random(1)
    long = "".join(chr(rng.randrange(33, 127)) for _ in range(998))
    store.write(
        [
            active(0.5, sender=long), message_id(0.5, message_id=long),
            delivery(1, recipient=long, orig_recipient=long[::-1]),
        ]
    )  # fmt: skip

    assert store.ask("SELECT length(sender), length(recipient) FROM mail") == [(998, 998)]
