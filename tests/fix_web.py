"""The web page as a program of its own, over mails of two domains, some of them hostile."""

import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2 as httpx
import psycopg2
import pytest
from posttrail_sinks.migrate import make_roles

from tests.fix_postgres import execute, on_database
from tests.landed import land
from tests.program import PROGRAM, environment
from tests.waiting import eventually

HOSTILE_ADDRESS = '"<img src=x onerror=alert(1)>"@example.net'
HOSTILE_SUBJECT = "<script>alert(document.domain)</script>"
BORN = "2026-03-01T10:00:01.000001Z"
FIRST = "00001AAAA"


def _line(second: float, host: str, daemon: str, message: str) -> str:
    return f"2026-03-01T10:00:{second:09.6f}+00:00 {host} postfix/{daemon}[7]: {message}"


def _mail(second: float, host: str, queue_id: str, sender: str, more: str = "") -> list[str]:
    return [
        _line(second, host, "smtpd", f"{queue_id}: client=c.example[192.0.2.1]{more}"),
        _line(second, host, "cleanup", f"{queue_id}: message-id=<{len(sender)}@a.example>"),
        _line(second, host, "qmgr", f"{queue_id}: from=<{sender}>, size=9, nrcpt=1 (queue active)"),
    ]


def _to(second: float, host: str, queue_id: str, to: str, end: str) -> str:
    relay = "relay=mx.example[192.0.2.9]:25, delay=1, delays=0/0/0/1"
    return _line(second, host, "smtp", f"{queue_id}: to=<{to}>, {relay}, {end}")


# A short id begins with the microseconds, in hex. A mail over two hosts, a hostile one, a refusal.
LINES = [
    *_mail(1.2, "mx1", FIRST, "ann@example.com"),
    _to(2, "mx1", FIRST, "bob@example.org", "dsn=4.2.2, status=deferred (452 4.2.2 mailbox full)"),
    _to(9, "mx1", FIRST, "bob@example.org", "dsn=2.0.0, status=sent (250 Ok: queued as 00003CCCC)"),
    _to(3, "mx1", FIRST, "cy@example.net", "dsn=5.1.1, status=bounced (550 5.1.1 no such user)"),
    _line(9.5, "mx1", "qmgr", f"{FIRST}: removed"),
    *_mail(8.5, "mx2", "00003CCCC", "ann@example.com"),
    _line(8.6, "mx2", "virtual", "00003CCCC: to=<bob@example.info>, orig_to=<bob@example.org>,"
          " relay=virtual, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered to maildir)"),
    _line(8.7, "mx2", "qmgr", "00003CCCC: removed"),
    *_mail(11.2, "mx1", "00004DDDD", HOSTILE_ADDRESS),
    _line(11.3, "mx1", "cleanup", f"00004DDDD: info: header Subject: {HOSTILE_SUBJECT} from"
          f" c.example[192.0.2.1]; from=<x@example.net> to=<y@example.net> proto=ESMTP helo=<c>"),
    _to(12, "mx1", "00004DDDD", HOSTILE_ADDRESS,
        "dsn=4.0.0, status=deferred (said: <script>alert(2)</script>)"),
    _line(13, "mx1", "smtpd", "NOQUEUE: reject: RCPT from c.example[192.0.2.1]: 554 5.7.1"
          " <z@example.net>: Relay access denied; from=<x@example.net> to=<z@example.net>"
          " proto=ESMTP helo=<c>"),
    "2026-03-01T10:00:05+00:00 mx1 posttrail/producer[7]: gap: lines=12 source=journal reason=lost",
]  # fmt: skip


@pytest.fixture(scope="session")
def web_dsn(postgres: str, template: str) -> Iterator[str]:
    """A database with roles and LINES; only looked at."""
    name = f"web_{uuid.uuid4().hex[:8]}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    made = on_database(postgres, name)
    make_roles(made)
    land(made, [line.encode() for line in LINES])
    yield made
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def asked(dsn: str, question: str) -> list[tuple[object, ...]]:
    """What the owner sees."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


class Served(NamedTuple):
    """A running web page."""

    url: str
    dsn: str


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@contextmanager
def serving(dsn: str, directory: Path, **settings: str) -> Iterator[Served]:
    """`posttrail web` on this machine, until the block ends."""
    port = free_port()
    env = environment(POSTGRES__DSN=dsn, WEB__PORT=str(port), HOME=str(directory), **settings)
    log = directory / f"web-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([*PROGRAM, "web"], env=env, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{url}/static/style.css", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(answers)
        yield Served(url, dsn)
    finally:
        process.terminate()
        process.wait(20)
