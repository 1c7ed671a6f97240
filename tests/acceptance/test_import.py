"""The sample log through real Kafka, Faust and PostgreSQL, and the lines of the talk."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.acceptance import truth
from tests.fix_stack import SAMPLE, TALK, Stack

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

TABLES = ("delivery_from", "delivery_to", "noqueue", "log_gap", "set_aside", "short_fact")


@pytest.fixture(scope="session")
def sample(imported: Stack) -> truth.Tables:
    """What stands in the tables about the host of the sample."""
    return truth.tables(
        imported.rows(
            "SELECT *, host(client_addr) AS client_addr, host(orig_client_addr) AS orig_client_addr"
            " FROM delivery_from WHERE host = 'vm'"
        ),
        imported.rows("SELECT * FROM delivery_to WHERE host = 'vm'"),
        imported.rows("SELECT * FROM noqueue WHERE host = 'vm'"),
    )


def accepted() -> list[truth.Message]:
    return [message for message in truth.messages() if message.get("accepted")]


def test_every_accepted_message_has_its_sender_client_and_message_id(sample: truth.Tables) -> None:
    differences = [
        line for message in accepted() for line in truth.sender_differences(sample, message)
    ]

    assert differences == []


def test_every_accepted_recipient_has_its_outcome(sample: truth.Tables) -> None:
    hands = truth.by_hand()

    differences = [
        line
        for message in accepted()
        for line in truth.recipient_differences(sample, message, hands)
    ]

    assert differences == []


def test_every_refusal_stands_there_as_often_as_it_was_said(sample: truth.Tables) -> None:
    assert truth.refusal_differences(sample, truth.messages()) == []


def test_no_mail_stands_there_that_nobody_sent(sample: truth.Tables) -> None:
    assert truth.unexplained_mails(sample, truth.messages()) == []


def test_every_line_of_the_sample_is_understood(imported: Stack) -> None:
    assert json.loads(imported.run("status", "--json"))["rows"]["dead"] == 0


def contents(stack: Stack) -> dict[str, Any]:
    """Every row of every table."""
    return {
        table: stack.rows(f"SELECT * FROM {table} AS each ORDER BY each::text") for table in TABLES
    }


def test_importing_the_same_files_again_changes_no_row(imported: Stack) -> None:
    before = contents(imported)

    imported.run("produce", "file", str(SAMPLE))
    imported.run("produce", "file", str(TALK), "--year", "2019", "--zone", "UTC")
    imported.wait_until_idle()

    assert contents(imported) == before


def test_the_talks_lines_give_one_mail(imported: Stack) -> None:
    (mail,) = imported.rows("SELECT * FROM delivery_from WHERE host = 'mail'")

    expected = {
        "queue_id": "47NQzY13DbzNWNQG",
        "instance": "postfix",
        "born": datetime(2019, 11, 27, 16, 22, 49, 149375, UTC),
        "sender": "ibu@cosmopool.net",
        "size": 1365,
        "nrcpt": 2,
        "subject": "Re: test",
        "message_id": "<d5154432-b984-d65a-30b3-38bde7e37af8@cosmopool.net>",
        "client_name": "mail.cosmopool.net",
        "client_addr": "2a01:4f8:160:20c1::10:107",
        "status": "removed",
        "removed_at": datetime(2019, 11, 27, 16, 22, 50, tzinfo=UTC),
    }
    assert {name: mail[name] for name in expected} == expected


def test_the_talks_lines_give_two_recipients_both_sent(imported: Stack) -> None:
    rows = imported.rows("SELECT * FROM delivery_to WHERE host = 'mail' ORDER BY recipient")

    assert [(row["recipient"], row["status"], row["dsn"]) for row in rows] == [
        ("ibu2@multiname.org", "sent", "2.0.0"),
        ("ibu@multiname.org", "sent", "2.0.0"),
    ]
    assert {row["relay"] for row in rows} == {"mail.multiname.org[private/dovecot-lmtp]"}
    assert [row["attempt_count"] for row in rows] == [1, 1]


def test_the_talks_lines_give_one_refusal(imported: Stack) -> None:
    (row,) = imported.rows("SELECT * FROM noqueue WHERE host = 'mail'")

    expected = {
        "t": datetime(2019, 11, 27, 16, 19, 22, tzinfo=UTC),
        "action": "reject",
        "phase": "RCPT",
        "client_name": "unknown",
        "client_addr": "80.82.79.244",
        "sender": "spameri@tiscali.it",
        "recipient": "spameri@tiscali.it",
        "proto": "ESMTP",
        "helo": "WIN-G7CPHCGK247",
        "code": "454",
        "dsn": "4.7.1",
    }
    assert {name: row[name] for name in expected} == expected


def test_a_trace_shows_the_mail_of_the_talk(imported: Stack) -> None:
    (trail,) = json.loads(imported.run("trace", "47NQzY13DbzNWNQG", "--json"))

    assert trail["mail"]["subject"] == "Re: test"
    assert [row["status"] for row in trail["recipients"]] == ["sent", "sent"]


def test_the_comparison_notices_one_lost_row(sample: truth.Tables) -> None:
    lost = next(each["queue_id"] for each in accepted() if each["scenario"] == "plain")
    recipients = {id_: rows for id_, rows in sample.recipients.items() if id_ != lost}
    noqueue = sample.noqueue[1:]
    poorer = sample._replace(recipients=recipients, noqueue=noqueue)

    hands = truth.by_hand()
    differences = [
        line
        for message in accepted()
        for line in truth.recipient_differences(poorer, message, hands)
    ]

    assert len(differences) == 1
    assert len(truth.refusal_differences(poorer, truth.messages())) == 1
