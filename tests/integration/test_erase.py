"""A person is erased from every table, and older lines do not bring them back."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import psycopg2
import pytest
from posttrail_sinks.erase import checked, erase, pattern
from posttrail_sinks.retention import Retention, forget

from posttrail.errors import BadInput
from posttrail.identity import SECOND
from posttrail.records import AnyFact, FromFact, NoqueueFact, ToFact
from tests.fix_postgres import execute
from tests.making import T0
from tests.program import environment, run, run_well
from tests.tables import Store

pytestmark = pytest.mark.postgres

BOB = "Bob.Builder@example.com"
TABLES = ("delivery_from", "delivery_to", "noqueue", "set_aside", "short_bundle")
GONE_BY = datetime.now(UTC) + timedelta(days=30)
COMMON: dict[str, Any] = {"host": "mx1", "instance": "postfix"}


def mail(number: int, sender: str, recipient: str, response: str = "ok") -> list[AnyFact]:
    """A mail with a short id, its sender logged in."""
    t = T0 + number * 100 * SECOND + 1
    given: dict[str, Any] = {**COMMON, "queue_id": f"{t % 1_000_000:05X}{number:03X}"}
    return [
        FromFact(t=t, origin=(0, number * 10), component="smtpd", client_name="home.example.net",
                 client_addr="192.0.2.7", sasl_username=sender, **given),
        FromFact(t=t + 1, origin=(0, number * 10 + 1), component="cleanup",
                 message_id=f"<{number}@example.com>", subject=f"About {number}", **given),
        FromFact(t=t + 2, origin=(0, number * 10 + 2), component="qmgr", sender=sender, size=1,
                 **given),
        ToFact(t=t + 3, origin=(0, number * 10 + 3), component="smtp", status="sent",
               recipient=recipient, response=response, **given),
    ]  # fmt: skip


def refusal(number: int, sender: str, reason: str) -> NoqueueFact:
    return NoqueueFact(
        t=T0 + number, origin=(1, number), component="smtpd", action="reject", sender=sender,
        recipient="eve@example.org", reason=reason, **COMMON,
    )  # fmt: skip


FACTS: list[AnyFact] = [
    *mail(1, BOB, "eve@example.org"),
    *mail(2, "eve@example.org", BOB.lower()),
    *mail(3, "eve@example.org", "al@example.org", f"<{BOB}>: unknown, not x{BOB} or {BOB}.au"),
    *mail(4, "notbob.builder@example.com", "bobXbuilder@example.com"),
    refusal(1, BOB, "no"),
    refusal(2, "eve@example.org", f"<{BOB}>: no such user"),
]


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with closing(Store(dsn)) as made:
        made.now = T0 + 3600 * SECOND
        made.write(FACTS)
        yield made


def everything(store: Store) -> str:
    return "\n".join(
        text
        for table in TABLES
        for (text,) in store.ask(f"SELECT to_jsonb(x)::text FROM {table} AS x")
    ).lower()


def traces(store: Store) -> int:
    """How often the tables name Bob himself."""
    text = everything(store)
    others = text.count("notbob.builder@example.com") + text.count("xbob.builder@example.com")
    return text.count("bob.builder@example.com") - others - text.count("builder@example.com.au")


def test_nothing_in_the_tables_names_an_erased_person(store: Store, dsn: str) -> None:
    assert traces(store) > 0

    counts = erase(dsn, f"<{BOB.upper()}>", GONE_BY, dry_run=False)

    assert traces(store) == 0
    assert counts["delivery_to"] == 2
    assert counts["delivery_from"] == 2
    assert counts["noqueue"] == 2
    assert store.ask("SELECT sender, subject, client_addr FROM delivery_from ORDER BY born") == [
        (None, None, None),
        ("eve@example.org", None, "192.0.2.7"),
        ("eve@example.org", "About 3", "192.0.2.7"),
        ("notbob.builder@example.com", "About 4", "192.0.2.7"),
    ]
    [(response, attempt)] = store.ask(
        "SELECT response, attempts -> 0 ->> 'response' FROM delivery_to "
        "WHERE recipient = 'al@example.org'"
    )
    assert response == attempt == f"<erased>: unknown, not x{BOB} or {BOB}.au"


def test_a_dry_run_counts_and_changes_nothing(store: Store, dsn: str) -> None:
    before = everything(store)

    counts = erase(dsn, BOB, GONE_BY, dry_run=True)

    assert everything(store) == before
    assert counts == erase(dsn, BOB, GONE_BY, dry_run=False)


def test_lines_from_before_do_not_bring_an_erased_person_back(store: Store, dsn: str) -> None:
    erase(dsn, BOB, GONE_BY, dry_run=False)

    store.empty()
    store.write(FACTS)

    text = everything(store)
    assert f'"sender": "{BOB.lower()}"' not in text
    assert f'"recipient": "{BOB.lower()}"' not in text
    assert "notbob.builder@example.com" in text


def test_a_sink_that_is_set_back_brings_nothing_back(store: Store, dsn: str) -> None:
    """Line by line: most lines of a mail do not name who sent it."""
    erase(dsn, BOB, GONE_BY, dry_run=False)
    before = store.dump()

    for fact in FACTS:
        store.write([fact])

    assert store.dump() == before


def test_tables_that_were_lost_come_back_without_the_erased_person(store: Store, dsn: str) -> None:
    erase(dsn, BOB, GONE_BY, dry_run=False)
    before = store.dump()

    store.empty()
    for fact in FACTS:
        store.write([fact])

    assert store.dump() == before
    assert traces(store) == 0


def test_a_late_line_of_an_erased_mail_finds_its_mail(store: Store, dsn: str) -> None:
    """What is kept of its short id tells whose the line is, and nothing of the person."""
    erase(dsn, BOB, GONE_BY, dry_run=False)
    sent = FACTS[2]
    assert isinstance(sent, FromFact)

    store.write([
        FromFact(
            t=sent.t + 60 * SECOND, origin=(0, 900), component="qmgr", status="removed",
            queue_id=sent.queue_id, removed_at=sent.t + 60 * SECOND, **COMMON,
        )
    ])  # fmt: skip

    assert store.ask(
        "SELECT status, sender, client_name, partial FROM delivery_from ORDER BY born LIMIT 1"
    ) == [("removed", None, None, False)]
    assert store.ask("SELECT count(*) FROM delivery_from") == [(4,)]


def test_texts_are_read_for_an_address_by_its_hash_as_by_itself(store: Store, dsn: str) -> None:
    addresses = ["bob@example.com", "b+c.d@example.com", "o'brien@example.com", "a/b!c@example.com",
                 '"b c"@example.com', "b_$c@ex-ample.co.uk", "bäcker@example.com"]  # fmt: skip
    around = ["{}", "<{}>: no", "x{}", "{}.au", "{}. No", "to={}", "mailto:{},", "{}x {}", "'{}'",
              "{}@example.org", "-{}-", "({})", "{}{}", "a@example.net {}"]  # fmt: skip
    for address in addresses:
        execute(dsn, f"INSERT INTO erased VALUES (erased_digest($${address}$$), now(), now())")

    for address, each in product(addresses, around):
        text = each.replace("{}", address.upper())
        ((by_hash, by_itself),) = store.ask(
            "SELECT without_erased(%(text)s, '2019-01-01'),"
            " regexp_replace(%(text)s, %(pattern)s, 'erased', 'gi')",
            {"text": text, "pattern": pattern(address)},
        )
        assert by_hash == by_itself, text


def test_who_writes_again_later_is_known_again(store: Store, dsn: str) -> None:
    erase(dsn, BOB, GONE_BY, dry_run=False)
    execute(dsn, "UPDATE erased SET at = '2019-01-01'")  # lines of the test are of 2019-11

    store.empty()
    store.write(FACTS)

    assert traces(store) > 0


def test_the_list_of_the_erased_holds_no_address(store: Store, dsn: str) -> None:
    erase(dsn, BOB, GONE_BY, dry_run=False)

    [(text,)] = store.ask("SELECT to_jsonb(x)::text FROM erased AS x")
    assert "bob" not in text.lower()


@pytest.mark.parametrize("given", ["bob", "@example.com", "bob@", "", "bob@example .com"])
def test_a_part_of_an_address_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match="this is no mail address"):
        checked(given)


@pytest.mark.kafka
def test_the_command_shows_counts_and_what_kafka_still_holds(
    store: Store, dsn: str, kafka: str, prefix: str
) -> None:
    env = environment(POSTGRES__DSN=dsn, KAFKA__BOOTSTRAP=kafka, KAFKA__PREFIX=prefix)
    month = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"

    dry = run_well("erase", BOB, "--dry-run", env=env)
    assert "delivery_to    2 rows" in dry
    assert f"{prefix}maillog.raw holds lines up to now until {month}" in dry
    assert traces(store) > 0

    refused = run("erase", BOB, env=env)
    assert refused.returncode != 0
    assert traces(store) > 0

    done = run_well("erase", BOB, "--yes", env=env)
    assert traces(store) == 0
    assert "bob" not in done.lower()


def test_a_domain_is_kept_for_as_long_as_it_is_set(store: Store) -> None:
    retention = Retention(domain_days={"EXAMPLE.com": 30})

    young = forget(store.connection, retention, T0 + 29 * 86_400 * SECOND)
    old = forget(store.connection, retention, T0 + 40 * 86_400 * SECOND)

    assert young == 0
    assert old > 0
    assert store.ask("SELECT recipient FROM delivery_to") == [("al@example.org",)]
    assert store.ask("SELECT sender, subject FROM delivery_from ORDER BY born") == [
        ("eve@example.org", None),
        ("eve@example.org", "About 3"),
    ]
    assert store.ask("SELECT sender FROM noqueue") == [("eve@example.org",)]


def test_refusals_are_kept_for_as_long_as_they_are_set(store: Store) -> None:
    retention = Retention(refusal_days=30)

    assert forget(store.connection, retention, T0 + 40 * 86_400 * SECOND) == 1
    assert store.ask("SELECT count(*) FROM noqueue") == [(0,)]
    assert store.ask("SELECT count(*) FROM delivery_from") == [(4,)]


def test_a_sink_may_forget_and_may_not_see_who_was_erased(store: Store, dsn: str) -> None:
    from posttrail_sinks.migrate import make_roles

    make_roles(dsn)
    as_writer = psycopg2.extensions.make_dsn(dsn, options="-c role=posttrail_writer")
    with closing(psycopg2.connect(as_writer)) as connection:
        forget(connection, Retention(1, 1, {"example.com": 1}), T0 + 40 * 86_400 * SECOND)
        for question in ("SELECT 1 FROM erased", "SELECT was_erased(ARRAY['x'], now())"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as some:
                some.execute(question)
            connection.rollback()
