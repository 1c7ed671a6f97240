"""Search and trace say what lost log lines may hide of a mail: as text, as JSON, as a page."""

import json
from datetime import datetime

import pytest
from posttrail_answers import gaps
from posttrail_answers.database import reading
from posttrail_answers.gaps import Life
from posttrail_answers.search import Query, find
from posttrail_processors.progress import Batch
from posttrail_processors.reading import read_lost
from posttrail_web.rendering import page
from psycopg2.extensions import connection

from posttrail.identity import SECOND
from posttrail.records import decode_fact
from tests.landed import land, land_facts
from tests.program import environment, run_well

pytestmark = pytest.mark.postgres

HOUR = "2026-11-18T03"


def _mail(host: str, clock: str, queue_id: str, *after: str) -> list[str]:
    """A short id begins with the microseconds, in hex: 16, 32, … of each clock's second."""
    head = f"{HOUR}:{clock}.{int(queue_id[:5], 16):06}+00:00 {host} postfix"
    return [
        f"{head}/smtpd[1]: {queue_id}: client=a.example[192.0.2.1]",
        *(f"{HOUR}:{line[:5]}.9+00:00 {host} postfix/{line[6:]}" for line in after),
    ]


def _tried(clock: str, queue_id: str, status: str) -> str:
    relay = "relay=b.example[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=4.2.2"
    return f"{clock} smtp[3]: {queue_id}: to=<b@b.example>, {relay}, status={status} (full)"


LINES = [
    *_mail("mx2", "09:00", "00010A"),
    *_mail("mx1", "09:01", "00020A"),
    *_mail("mx2", "09:02", "00030A", _tried("09:05", "00030A", "deferred")),
    *_mail("mx2", "09:03", "00040A", _tried("11:00", "00040A", "deferred")),
    *_mail("mx2", "09:04", "00050A", _tried("09:05", "00050A", "bounced")),
    f"{HOUR}:10:00+00:00 mx2 posttrail/producer[7]: gap: lines=12 source=journal reason=lost",
]
SAID = {
    "00010A": "unknown because 12 lines were lost on mx2 at 03:10",
    "00030A": "pending as far as is known: 12 lines were lost on mx2 at 03:10",
}


@pytest.fixture
def lost(dsn: str) -> str:
    """Unknown and pending mails; the lines that were lost may have told of the end of two."""
    land(dsn, [line.encode() for line in LINES])
    return dsn


def test_a_search_says_what_lost_lines_may_hide_and_asks_once_for_a_page(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    in_lives = gaps.in_lives

    def counted(opened: connection, lives: list[Life]) -> list[tuple[gaps.Gap, ...]]:
        asked.append(len(lives))
        return in_lives(opened, lives)

    monkeypatch.setattr(gaps, "in_lives", counted)
    with reading(lost) as opened:
        results = find(opened, Query()).results

    assert {each.queue_id: each.explained for each in results if each.explained} == SAID
    assert {each.queue_id for each in results if each.gaps} == SAID.keys()
    assert [gap.lines for each in results for gap in each.gaps] == [12, 12]
    assert asked == [4]


def test_what_was_gone_from_kafka_may_hide_the_end_of_any_hosts_mail(lost: str) -> None:
    at = datetime.fromisoformat(f"{HOUR}:10:30+00:00")
    gone = Batch(("maillog.raw", 3), 5, 40, (), is_lost=True)
    [sent] = read_lost(gone, int(at.timestamp() * SECOND), "central").facts
    land_facts(lost, [decode_fact(sent.value)])

    with reading(lost) as opened:
        results = find(opened, Query()).results
    traced = run_well("trace", "00020A", "--no-lines", env=environment(POSTGRES__DSN=lost))

    assert {each.queue_id for each in results if each.gaps} == {*SAID, "00020A"}
    assert "unknown because lines were lost on central" in " ".join(traced.split())


def test_a_terminal_and_a_page_say_it_with_the_clocks_of_here(lost: str) -> None:
    env = environment(POSTGRES__DSN=lost) | {"TZ": "Asia/Kolkata", "COLUMNS": "120"}

    said = run_well("search", "--host", "mx2", env=env)
    as_json = json.loads(run_well("search", "--host", "mx2", "--json", env=env))
    traced = run_well("trace", "00030A", "--no-lines", env=env)
    with reading(lost) as opened:
        shown = bytes(page("rows.html", {"found": find(opened, Query(host="mx2"))}).body).decode()

    for text in SAID.values():
        assert text.replace("03:10", "08:40") in said
        assert text.removesuffix("03:10") in shown
    assert SAID["00030A"].replace("03:10", "08:40") in traced
    found = {each["queue_id"]: each.get("explained") for each in as_json["results"]}
    assert found == SAID | {"00040A": None, "00050A": None}
