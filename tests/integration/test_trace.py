"""`posttrail trace` on a real database."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.landed import land

pytestmark = pytest.mark.postgres

TALK = Path(__file__).parents[2] / "samples/talk.log"
MAIL = "47NQzY13DbzNWNQG"
OTHER = "47NQzY13DbzB"
HEAD = "2019-11-27T16:22:49.374221+00:00 mx postfix"
CLIENT = f"{HEAD}/smtpd[1]: {OTHER}: client=a.example[192.0.2.1]"
SUBJECT = (
    f"{HEAD}/cleanup[2]: {OTHER}: info: header Subject: [bold red]\x1b[2Jpaid[/] "
    "from a.example[192.0.2.1]; from=<> to=<b@example.com> proto=ESMTP helo=<a.example>"
)


def canonical(line: str) -> bytes:
    """A line of the talk as the producer writes it."""
    clock, rest = line[7:15], line[16:]
    return f"2019-11-27T{clock}+00:00 {rest}".encode()


def trace(dsn: str, *arguments: str, zone: str = "UTC") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "POSTTRAIL_POSTGRES__DSN": dsn, "TZ": zone, "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "posttrail.cli", "trace", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def talk(dsn: str) -> str:
    land(dsn, [canonical(line) for line in TALK.read_text().splitlines()])
    return dsn


@pytest.mark.parametrize(
    "named",
    [
        MAIL,
        "<d5154432-b984-d65a-30b3-38bde7e37af8@cosmopool.net>",
        "d5154432-b984-d65a-30b3-38bde7e37af8@cosmopool.net",
    ],
)
def test_a_mail_is_found_by_its_queue_id_and_by_its_message_id(talk: str, named: str) -> None:
    (found,) = json.loads(trace(talk, named, "--json").stdout)

    assert found["mail"]["queue_id"] == MAIL
    assert found["mail"]["born"] == "2019-11-27T16:22:49.149375Z"
    assert [one["status"] for one in found["recipients"]] == ["sent", "sent"]


def test_a_trace_shows_the_sender_side_and_every_recipient(talk: str) -> None:
    shown = trace(talk, MAIL).stdout

    for text in (
        "ibu@cosmopool.net",
        "mail.cosmopool.net [2a01:4f8:160:20c1::10:107]",
        "Re: test",
        "1365 bytes",
        "2019-11-27 16:22:49.149 UTC",
        "sent  ibu@multiname.org",
        "sent  ibu2@multiname.org",
        "2019-11-27 16:22:50.000 UTC, after 1.2 s, at mail.multiname.org[private/dovecot-lmtp]",
        "250 2.0.0 <ibu2@multiname.org> nV9iJ9mi3l0+SgAAZU03Dg Saved",
    ):
        assert text in shown


def test_a_mail_that_nobody_knows_has_an_exit_code_of_its_own(talk: str) -> None:
    asked = trace(talk, OTHER)

    assert asked.returncode == 8
    assert asked.stdout == ""
    assert asked.stderr == f"posttrail: {OTHER}: no mail with this queue id or message-id\n"


def test_text_from_strangers_does_nothing_to_the_terminal(dsn: str) -> None:
    land(dsn, [CLIENT.encode(), SUBJECT.encode()])

    shown = trace(dsn, OTHER).stdout

    assert "[bold red]" in shown
    assert "\x1b" not in shown


def test_lost_lines_are_told_in_the_zone_of_all_other_times(dsn: str) -> None:
    lost = f"{HEAD[:16]}:50+00:00 mx posttrail/producer[7]: gap: lines=12 source=file reason=full"
    land(dsn, [CLIENT.encode(), lost.encode()])

    shown = trace(dsn, OTHER, "--no-lines", zone="Asia/Kolkata").stdout
    as_json = trace(dsn, OTHER, "--no-lines", "--json", zone="Asia/Kolkata").stdout

    assert "unknown because 12 lines were lost on mx at 21:52" in shown
    assert "lost at 2019-11-27 21:52:50.000 IST" in shown
    assert json.loads(as_json)[0]["explained"].endswith("lost on mx at 16:22")


def test_a_database_without_tables_is_told_to_be_migrated(postgres: str) -> None:
    asked = trace(postgres, MAIL)

    assert asked.returncode == 6
    assert "posttrail migrate" in asked.stderr


def test_a_database_that_is_away_is_said_in_one_line() -> None:
    asked = trace("host=127.0.0.1 port=1 dbname=posttrail", MAIL)

    assert asked.returncode == 5
    assert asked.stderr.count("\n") == 1
