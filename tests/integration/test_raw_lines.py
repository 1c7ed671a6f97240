"""Raw lines of a mail from a real Kafka, and what is said where they are gone."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from posttrail_answers import proofs, raw_lines, timeline
from posttrail_answers.answer import answers
from posttrail_answers.database import reading
from posttrail_answers.proofs import proven
from posttrail_answers.timeline import Timeline
from posttrail_answers.trace import trails

from posttrail import config, topics
from tests.landed import land

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

ID = "47NQzY13DbzB"
HEAD = "2019-11-27T16:22:49"
REST = " delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)"
LINES = [
    f"{HEAD}.100000+00:00 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]",
    f"{HEAD}.374221+00:00 mx postfix/smtpd[1]: {ID}: client=a.example[192.0.2.1]",
    f"{HEAD}.374300+00:00 mx postfix/cleanup[2]: {ID}: message-id=<m@a.example>",
    f"{HEAD}.380000+00:00 mx postfix/qmgr[3]: {ID}: from=<>, size=9, nrcpt=1 (queue active)",
    f"{HEAD}.390000+00:00 mx postfix/smtpd[1]: disconnect from a.example[192.0.2.1] ehlo=1",
    f"{HEAD}.400000+00:00 mx postfix/lmtp[4]: {ID}: to=<b@a.example>, relay=x, delay=0,{REST}",
    f"{HEAD}.410000+00:00 mx postfix/qmgr[3]: {ID}: removed",
]


def look(dsn: str, bootstrap: str, prefix: str) -> Timeline:
    settings = config.load(kafka={"bootstrap": bootstrap, "prefix": prefix}, postgres={"dsn": dsn})
    with reading(dsn) as opened:
        (key,) = [timeline.key_of(trail.mail) for trail in trails(opened, ID)]
        (found,) = proven(settings, [timeline.of(opened, key)])
    return found


@pytest.fixture
def raw(kafka: str, prefix: str) -> str:
    """The prefix of topics whose partition 0 of maillog.raw holds the lines."""
    producer = Producer({"bootstrap.servers": kafka})
    for line in LINES:
        producer.produce(topics.RAW.full_name(prefix), line.encode(), partition=0)
    assert producer.flush(30) == 0
    return prefix


def test_every_step_has_its_line_while_kafka_keeps_it(dsn: str, kafka: str, raw: str) -> None:
    land(dsn, [line.encode() for line in LINES])

    found = look(dsn, kafka, raw)

    assert found.missing is None
    assert [
        (step.kind, step.component, [line.origin[1] for line in step.lines]) for step in found.steps
    ] == [
        ("connect", "smtpd", [0]),
        ("arrival", "smtpd", [1, 2]),
        ("active", "qmgr", [3]),
        ("disconnect", "smtpd", [4]),
        ("attempt", "lmtp", [5]),
        ("removed", "qmgr", [6]),
    ]
    assert found.steps[-1].lines[0].text == LINES[-1]


def test_lines_that_kafka_no_longer_keeps_are_said(
    dsn: str, kafka: str, raw: str, admin: AdminClient
) -> None:
    land(dsn, [line.encode() for line in LINES])
    gone = TopicPartition(topics.RAW.full_name(raw), 0, 3)
    for deleted in admin.delete_records([gone]).values():
        deleted.result(30)

    found = look(dsn, kafka, raw)

    assert found.missing == "2 of 5 raw lines are not in Kafka any more"
    assert [step.kind for step in found.steps if not step.lines] == ["arrival"]


def test_a_mail_with_too_many_lines_does_not_blame_kafka(
    dsn: str, kafka: str, raw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "MOST_LINES", 3)
    monkeypatch.setattr(proofs, "_FIRST", 1)
    land(dsn, [line.encode() for line in LINES])

    found = look(dsn, kafka, raw)

    assert found.missing == "2 of 5 raw lines are left out: no more are shown"
    assert found.steps[-1].lines[0].text == LINES[-1]


def test_the_tables_alone_are_enough_while_kafka_is_away(dsn: str) -> None:
    land(dsn, [line.encode() for line in LINES])

    found = look(dsn, "127.0.0.1:1", "")

    assert found.missing is not None
    assert found.missing.startswith("raw lines cannot be shown: ")
    assert [step.kind for step in found.steps] == ["arrival", "attempt", "removed"]


MESSAGE_ID = "<newsletter@a.example>"
COPIES = 30
APART = 600
"""Lines of others between two copies: more than are read in one go."""


def newsletter() -> list[bytes]:
    """The lines of many mails with one message-id, far from each other on maillog.raw."""
    lines: list[str] = []
    for copy in range(COPIES):
        head = f"2019-11-27T16:10:{copy:02}.000{copy:03}+00:00 mx postfix"
        smtpd, queue_id = f"{head}/smtpd[{copy}]", f"{copy:05X}AAA"
        lines += [
            f"{smtpd}: connect from a.example[192.0.2.1]",
            f"{smtpd}: {queue_id}: client=a.example[192.0.2.1]",
            f"{head}/cleanup[2]: {queue_id}: message-id={MESSAGE_ID}",
            *(f"{head}/anvil[9]: statistics: max {number}" for number in range(APART)),
        ]
    return [line.encode() for line in lines]


def test_the_lines_of_many_mails_come_through_one_consumer(
    dsn: str, kafka: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_order = {"enable.idempotence": True}
    producer = Producer({"bootstrap.servers": kafka, **in_order})
    for line in newsletter():
        producer.produce(topics.RAW.full_name(prefix), line, partition=0)
    assert producer.flush(30) == 0
    land(dsn, newsletter())
    settings = config.load(kafka={"bootstrap": kafka, "prefix": prefix}, postgres={"dsn": dsn})
    made: list[dict[str, object]] = []

    def counted(given: dict[str, object]) -> Consumer:
        made.append(given)
        return Consumer(given)

    monkeypatch.setattr(raw_lines, "Consumer", counted)
    with reading(dsn) as opened:
        keys = [timeline.key_of(trail.mail) for trail in trails(opened, MESSAGE_ID)]
        found = answers(opened, keys, settings)

    assert len(made) == 1
    assert len(found) == COPIES
    assert {each.missing for each in found} == {None}
    shapes = {tuple((step.kind, len(step.lines)) for step in each.steps) for each in found}
    assert shapes == {(("connect", 1), ("arrival", 2))}
