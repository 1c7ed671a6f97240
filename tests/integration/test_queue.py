"""`posttrail queue`, alone and beside Postfix's own list."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from posttrail_answers.database import reading
from posttrail_answers.queue import groups, waiting
from posttrail_answers.queue_compare import COMING, GONE, MAILDROP, Queued, compare, read

from posttrail.errors import BadInput
from tests.landed import land
from tests.program import environment, run, run_well

pytestmark = pytest.mark.postgres

HEAD = "2026-11-24T10:00:00"
REPLY = "host mx.example.net[192.0.2.9] said: 451 4.3.0 full"
TRIED = "relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1,"
ACTIVE = "(queue active)"
SENT, DEFERRED = "dsn=2.0.0, status=sent (250 ok)", f"dsn=4.3.0, status=deferred ({REPLY})"
LINES = [
    f"{HEAD}.000016+00:00 mx1 postfix/smtpd[1]: 00010A: client=a.example[192.0.2.1]",
    f"{HEAD}.000020+00:00 mx1 postfix/qmgr[2]: 00010A: from=<s@b.test>, size=9, nrcpt=2 {ACTIVE}",
    f"{HEAD}.100000+00:00 mx1 postfix/smtp[3]: 00010A: to=<a@example.net>, {TRIED} {DEFERRED}",
    f"{HEAD}.100001+00:00 mx1 postfix/smtp[3]: 00010A: to=<b@example.net>, {TRIED} {SENT}",
    f"{HEAD}.000032+00:00 mx1 postfix/pickup[4]: 00020A: uid=0 from=<root>",
    f"{HEAD}.000040+00:00 mx1 postfix/qmgr[2]: 00020A: from=<r@b.test>, size=5, nrcpt=1 {ACTIVE}",
    f"{HEAD}.000048+00:00 mx1 postfix/smtpd[1]: 00030A: client=a.example[192.0.2.1]",
]
ARRIVAL = int(datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp())


@pytest.fixture
def stuck(dsn: str) -> str:
    """A mail deferred for one of two recipients, one not tried yet, one that never came in."""
    land(dsn, [line.encode() for line in LINES])
    return dsn


def listed(queue_id: str, *addresses: str, name: str = "deferred", arrival: int = ARRIVAL) -> bytes:
    """A line as postqueue(1) writes it."""
    return json.dumps({
        "queue_name": name, "queue_id": queue_id, "arrival_time": arrival, "message_size": 9,
        "forced_expire": False, "sender": "s@example.com",
        "recipients": [{"address": each, "delay_reason": REPLY} for each in addresses],
    }).encode()  # fmt: skip


AGREED = [listed("00010A", "a@example.net"), listed("00020A", "c@example.org", name="active")]


def test_what_waits_is_listed_oldest_first_and_grouped(stuck: str) -> None:
    with reading(stuck) as opened:
        each, grouped = waiting(opened), groups(opened)

    assert [(row.queue_id, row.recipient, row.state) for row in each] == [
        ("00010A", "a@example.net", "deferred"),
        ("00020A", None, "queued"),
    ]
    assert [(group.destination, group.reason, group.recipients) for group in grouped] == [
        ("example.net", "4.3.0 full", 1),
        ("", "queued", 1),
    ]


def test_the_lists_are_as_long_as_told_and_say_what_they_leave_out(stuck: str) -> None:
    env = {**environment(POSTGRES__DSN=stuck), "COLUMNS": "200"}

    said = run_well("queue", "--top", "1", env=env)

    assert said.startswith("recipients that wait: 2, the oldest since 2026-11-24 ")
    assert "and 1 more destinations and reasons: --top" in said
    assert "and 1 more recipients: --top" in said
    assert "00020A" not in said
    assert "INCOMPLETE" not in said


def test_lost_lines_that_may_hide_an_end_stand_before_the_lists(stuck: str) -> None:
    elsewhere = "mx2 posttrail/producer[7]: gap: lines=3 source=journal reason=lost"
    gap = "mx1 posttrail/producer[7]: gap: lines=12 source=journal reason=lost"
    before, after = "2026-11-24T09:59:00+00:00", "2026-11-24T10:05:00+00:00"
    land(stuck, [f"{before} {gap}".encode(), f"{after} {elsewhere}".encode()])
    env = environment(POSTGRES__DSN=stuck)
    assert json.loads(run_well("queue", "--json", env=env))["gaps"] == []

    land(stuck, [f"{after} {gap}".encode()])

    assert [each["host"] for each in json.loads(run_well("queue", "--json", env=env))["gaps"]] == [
        "mx1"
    ]
    head = run_well("queue", env=env).split("destination")[0]
    assert "INCOMPLETE: 12 lines were lost on mx1 at " in " ".join(head.split())


def test_a_queue_that_says_the_same_agrees(stuck: str, tmp_path: Path) -> None:
    (tmp_path / "queue").write_bytes(b"\n".join(AGREED))

    said = run_well(
        "queue", "--compare", str(tmp_path / "queue"), "--host", "mx1",
        env=environment(POSTGRES__DSN=stuck),
    )  # fmt: skip

    assert said == "2 mails: agreed\n"


def test_a_queue_that_disagrees_ends_with_one(stuck: str, tmp_path: Path) -> None:
    (tmp_path / "queue").write_bytes(AGREED[0])

    done = run(
        "queue", "--compare", str(tmp_path / "queue"), "--host", "mx1", "--json",
        env=environment(POSTGRES__DSN=stuck),
    )  # fmt: skip

    assert done.returncode == 1
    assert [each["queue_id"] for each in json.loads(done.stdout)] == ["00020A"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (listed("00099A"), ("00099A", None, "unknown", COMING)),
        (listed("00099A", name="maildrop"), ("00099A", None, "unknown", MAILDROP)),
        (listed("00010A", arrival=ARRIVAL - 86_400), ("00010A", None, "unknown", COMING)),
        (listed("00010A"), ("00010A", "a@example.net", "deferred", GONE)),
        (
            listed("00010A", "a@example.net", "b@example.net"),
            ("00010A", "b@example.net", "ended", "delivered or given up after that list"),
        ),
    ],
)
def test_both_ways_of_disagreeing_are_told(
    stuck: str, line: bytes, expected: tuple[str, str | None, str, str]
) -> None:
    with reading(stuck) as opened:
        found = compare(opened, read([line, AGREED[1]]), "mx1", "postfix")

    assert expected in [(each.queue_id, each.recipient, each.posttrail, each.why) for each in found]


def test_what_is_no_list_is_refused_with_its_line() -> None:
    assert read([b"", AGREED[0]])[0].queue_id == "00010A"
    assert isinstance(read(AGREED)[0], Queued)
    with pytest.raises(BadInput, match="line 2"):
        read([AGREED[0], b"Mail queue is empty"])
