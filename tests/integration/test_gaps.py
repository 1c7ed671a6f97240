"""What the log lost, on the way from a raw line to `posttrail status`."""

import io
from contextlib import closing

import psycopg2
import pytest
from posttrail_answers.gaps import Gap, newest_gaps
from posttrail_answers.standing import Lag
from rich.console import Console

from posttrail.cli.status import Server, Status, show
from tests.landed import land

pytestmark = pytest.mark.postgres

LINES = (
    (
        b"2026-11-23T11:00:00+00:00 mx1 systemd-journald[9]: Suppressed 62500 messages from "
        b"postfix.service"
    ),
    (
        b"2026-11-23T12:00:00+00:00 mx2 posttrail/producer[7]: gap: lines=unknown "
        b"source=/var/log/mail.log reason=truncated"
    ),
    (
        b"2026-11-23T13:00:00+00:00 mx3 rsyslogd: imuxsock lost 7 messages from pid 5 due to "
        b"rate-limiting"
    ),
)


@pytest.fixture
def gaps(dsn: str) -> list[Gap]:
    land(dsn, LINES)
    with closing(psycopg2.connect(dsn)) as opened:
        return newest_gaps(opened, 5)


def test_a_notice_of_loss_becomes_a_row(gaps: list[Gap]) -> None:
    assert [(gap.host, gap.source, gap.lines) for gap in gaps] == [
        ("mx3", "rsyslog", 7),
        ("mx2", "/var/log/mail.log", None),
        ("mx1", "journal", 62500),
    ]


def test_status_says_what_was_lost(gaps: list[Gap], monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()

    found = Status(Server(), Server(), [], Lag(raw=0, deliveries=0), {"log_gap": 3}, gaps)
    show(found, Console(file=said, width=200))

    assert "mx1, journal: 62500 lines lost, messages from postfix.service" in said.getvalue()
    assert "mx2, /var/log/mail.log: lines lost, truncated" in said.getvalue()
