"""Searches on a real PostgreSQL, against a plain filter in Python."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest
from posttrail_answers import search_sql, search_walk
from posttrail_answers.database import reading
from posttrail_answers.search import ALL, Query, Result, Sight, find
from posttrail_answers.words import STATUSES, Word
from posttrail_sinks.migrate import make_roles
from posttrail_web.database import Tables, sight
from posttrail_web.visitors import Visitor
from psycopg2.extensions import connection

from posttrail.errors import BadInput
from posttrail.identity import SECOND
from posttrail.records import AnyFact, FromFact, NoqueueFact, ToFact
from tests.making import T0
from tests.tables import Store

pytestmark = pytest.mark.postgres

End = Literal["sent", "deferred", "bounced"]
SENDERS = ("Ann@Example.com", "bob@example.net", "")
RECIPIENTS = ("cy@example.org", "Di@Example.com", "eve%_@example.net")
RELAYS = ("mx.example.org", "MX.example.net")
SUBJECTS = ("Your order 100%", 're: O\'Hara "quoted"', None)
ENDS: tuple[End, ...] = ("sent", "deferred", "bounced")
HOSTILE = "x' OR 1=1; -- %(sender)s %s {conditions} \\ _% \"'\x1b"


class Row(msgspec.Struct, frozen=True):
    """What one mail was made of."""

    number: int
    fields: dict[str, Any]
    recipients: tuple[tuple[str, End, str], ...]


def _row(number: int, chance: random.Random) -> Row:
    fields = {
        "host": chance.choice(("mx1", "mx2")), "sender": chance.choice(SENDERS),
        "client_addr": f"192.0.2.{chance.randrange(3)}", "client_name": "Mail.example.net",
        "message_id": f"<{number}@example.com>", "subject": chance.choice(SUBJECTS),
        "sasl_username": chance.choice(("ann", None)),
    }  # fmt: skip
    recipients = chance.sample(RECIPIENTS, chance.randrange(1, 4))
    ends = tuple((each, chance.choice(ENDS), chance.choice(RELAYS)) for each in recipients)
    return Row(number, fields, ends)


def _facts(row: Row) -> Iterator[AnyFact]:
    second = row.number // 2  # two mails in each second: ties are ordered by id
    mail = {"host": row.fields["host"], "instance": "postfix", "queue_id": f"00000{row.number:05X}"}
    at = T0 + second * 3600 * SECOND
    given = {name: value for name, value in row.fields.items() if value is not None}
    yield FromFact(
        **{"t": at, "origin": (0, row.number * 10), "component": "smtpd", **given, **mail}
    )
    for place, (recipient, status, relay) in enumerate(row.recipients, 1):
        yield ToFact(
            t=at + SECOND, origin=(0, row.number * 10 + place), component="smtp",
            recipient=recipient, status=status, relay=f"{relay}[192.0.2.9]:25", relay_name=relay,
            relay_addr="192.0.2.9", relay_port=25, **mail,
        )  # fmt: skip


ROWS = [_row(number, random.Random(number)) for number in range(60)]


@pytest.fixture
def searched(dsn: str) -> str:
    with closing(Store(dsn)) as store:
        store.write([fact for row in ROWS for fact in _facts(row)])
    return dsn


def _same(left: str | None, right: str) -> bool:
    return left is not None and left.lower() == right.lower()


def _at(second: int) -> datetime:
    """When the mails of that number were made."""
    return datetime.fromtimestamp(T0 / SECOND + second * 3600, UTC)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _fits(row: Row, query: Query) -> bool:
    """The search in plain Python."""
    fields = row.fields
    of_mail = (
        query.since is None or _at(row.number // 2) >= query.since,
        query.until is None or _at(row.number // 2) < query.until,
        query.sender is None or _same(fields["sender"], query.sender.strip("<>")),
        query.message_id is None
        or query.message_id.strip("<>") == fields["message_id"].strip("<>"),
        query.host is None or fields["host"] == query.host,
        query.client is None or query.client in {fields["client_addr"], "192.0.2.0/24"},
        query.login is None or _same(fields["sasl_username"], query.login),
        query.subject is None or query.subject in (fields["subject"] or "").lower(),
    )
    recipients = [
        address
        for address, status, relay in row.recipients
        if (query.recipient is None or _same(address, query.recipient))
        and (query.relay is None or _same(relay, query.relay))
        and (query.status is None or status in STATUSES[Word(query.status)])
    ]
    by_domain = query.domain is None or query.domain.lower() in {
        _domain(address) for address in (fields["sender"], *recipients)
    }
    return all(of_mail) and bool(recipients) and by_domain


VALUES: dict[str, tuple[str, ...]] = {
    "sender": ("ann@example.COM", "<>", "bob@example.net"),
    "recipient": ("CY@example.org", "di@example.com", "eve%_@example.net", "%"),
    "domain": ("example.ORG", "example.com"),
    "message_id": ("7@example.com", "<11@example.com>"),
    "subject": ("order", "o'hara"),
    "client": ("192.0.2.1", "192.0.2.0/24"),
    "relay": ("mx.example.org", "mx.example.net"),
    "status": ("delivered", "pending", "failed"),
    "host": ("mx1",),
    "login": ("ANN",),
}


def _number(result: Result) -> int:
    return int(result.queue_id or "", 16)


def _random_query(chance: random.Random) -> Query:
    names = chance.sample(sorted(VALUES), chance.randrange(4))
    query = msgspec.convert({name: chance.choice(VALUES[name]) for name in names}, Query)
    begin, end = sorted(chance.sample(range(len(ROWS) // 2), 2))
    return msgspec.structs.replace(
        query, since=chance.choice((None, _at(begin))), until=chance.choice((None, _at(end)))
    )


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("probed", "stretches"),
    [(search_walk.PROBED, search_walk.STRETCHES), (2, (HOUR, 5 * HOUR))],
)
def test_any_combination_finds_what_a_plain_filter_finds(
    searched: str, probed: int, stretches: tuple[timedelta, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows and short times: ways are compared, conditions meet, stretches are joined."""
    monkeypatch.setattr(search_walk, "PROBED", probed)
    monkeypatch.setattr(search_walk, "STRETCHES", stretches)
    with reading(searched) as opened:
        _finds_what_fits(opened, ROWS, 100)


@pytest.mark.parametrize(
    ("own", "probed"),
    [
        (("example.com",), search_walk.PROBED),
        (("example.net", "example.org"), 2),
        (("example.org", *(f"{n}.example" for n in range(search_sql.MOST_OWN_DOMAINS))), 2),
        (("a.example",), 2),
    ],
)
def test_a_visitor_finds_what_a_plain_filter_lets_through(
    searched: str, own: tuple[str, ...], probed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_walk, "PROBED", probed)
    make_roles(searched)
    visitor = Visitor(name="ann", address="", domains=own)
    with closing(Tables(searched, 1, 20)) as tables, tables.seen_by(visitor) as opened:
        seen = [each for row in ROWS for each in _seen(row, own)]
        _finds_what_fits(opened, seen, 30, sight(opened, visitor))


def _seen(row: Row, own: tuple[str, ...]) -> Iterator[Row]:
    """The mail with all recipients of an own sender, else with the own recipients; or nothing."""
    by_sender = _domain(row.fields["sender"]) in own
    recipients = tuple(r for r in row.recipients if by_sender or _domain(r[0]) in own)
    if recipients:
        yield msgspec.structs.replace(row, recipients=recipients)


def _finds_what_fits(opened: connection, rows: list[Row], searches: int, seen: Sight = ALL) -> None:
    """So many random searches, page by page."""
    chance = random.Random()
    for query in (_random_query(chance) for _ in range(searches)):
        found: list[int] = []
        page = find(opened, query, limit=9, sight=seen)
        found += map(_number, page.results)
        while page.next_cursor is not None:
            page = find(opened, query, after=page.next_cursor, limit=9, sight=seen)
            found += map(_number, page.results)

        assert sorted(found) == [row.number for row in rows if _fits(row, query)], query
        assert found == sorted(found, key=lambda n: (n // 2, n), reverse=True), query


def test_pages_have_no_gap_and_no_repeat_while_mails_arrive(searched: str) -> None:
    seen: list[int] = []
    after = None
    with reading(searched) as opened, closing(Store(searched)) as store:
        for number in range(1000, 1100):
            page = find(opened, Query(), after=after, limit=7)
            seen += map(_number, page.results)
            store.write(_facts(_row(number, random.Random(1))))  # newer ones
            after = page.next_cursor
            if after is None:
                break

    assert [number // 2 for number in seen] == sorted(
        (row.number // 2 for row in ROWS), reverse=True
    )
    assert len(set(seen)) == len(ROWS)


@pytest.mark.parametrize("name", [name for name in VALUES if name not in {"client", "relay"}])
def test_hostile_text_finds_nothing_and_does_nothing(searched: str, name: str) -> None:
    with reading(searched) as opened:
        assert find(opened, msgspec.convert({name: HOSTILE}, Query)).results == ()
        with pytest.raises(BadInput, match="NUL"):
            find(opened, msgspec.convert({name: "a\0"}, Query))


@pytest.mark.parametrize("query", [Query(), Query(subject="order")])
def test_before_all_mails_is_nothing(searched: str, query: Query) -> None:
    beginning = datetime(1, 1, 2, tzinfo=UTC)
    with reading(searched) as opened:
        assert find(opened, msgspec.structs.replace(query, until=beginning)).results == ()
        assert find(opened, msgspec.structs.replace(query, since=beginning)).results


def test_a_refusal_is_found_beside_mails(searched: str) -> None:
    refusal = NoqueueFact(
        t=T0, origin=(1, 1), host="mx1", instance="postfix", component="smtpd", action="reject",
        sender="ann@example.com", recipient="cy@example.org", client_addr="198.51.100.7",
        code="554", dsn="5.7.1", reason="Access denied",
    )  # fmt: skip
    with closing(Store(searched)) as store:
        store.write([refusal])

    with reading(searched) as opened:
        (found,) = find(opened, Query(client="198.51.100.0/24")).results
        every = find(opened, Query(domain="EXAMPLE.org", status="failed")).results
    make_roles(searched)
    visitor = Visitor(name="cy", address="", domains=("example.org",))
    with closing(Tables(searched, 1, 20)) as tables, tables.seen_by(visitor) as opened:
        own = find(opened, Query(domain="@EXAMPLE.org"), sight=sight(opened, visitor), limit=500)

    assert found in own.results
    assert (found.kind, found.word, found.queue_id) == ("refusal", "failed", None)
    assert found.recipients[0].response == "554 5.7.1 Access denied"
    assert found in every
