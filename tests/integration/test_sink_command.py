"""`posttrail sink` as a program: it lands, it ends well when told to, it says what it lacks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from posttrail.config import Settings
from posttrail.errors import Exit
from tests.fix_postgres import execute
from tests.sink_world import mails, produce, rows, until

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "POSTTRAIL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "POSTTRAIL_KAFKA__PREFIX": settings.kafka.prefix,
        "POSTTRAIL_POSTGRES__DSN": settings.postgres.dsn.get_secret_value(),
        "POSTTRAIL_SINK__BATCH_SECONDS": "0.1",
    }


@contextmanager
def program(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "posttrail.cli", "sink", *arguments]
    with subprocess.Popen(
        command,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def mail_count(dsn: str) -> int:
    return int(rows(dsn, "SELECT count(*) FROM delivery_from")[0][0])


def test_a_sink_lands_mails_and_ends_well_when_told_to(sink_settings: Settings, dsn: str) -> None:
    produce(sink_settings, mails(50))

    with program(sink_settings) as sink:
        until(lambda: mail_count(dsn) == 50)
        sink.send_signal(signal.SIGTERM)
        assert sink.wait(10) == Exit.OK


def test_a_sink_begins_anew_on_sighup(sink_settings: Settings, dsn: str) -> None:
    with program(sink_settings) as sink:
        produce(sink_settings, mails(50))
        until(lambda: mail_count(dsn) == 50)
        sink.send_signal(signal.SIGHUP)
        produce(sink_settings, mails(50, 50))
        until(lambda: mail_count(dsn) == 100)
        assert sink.poll() is None


def refused(settings: Settings) -> tuple[int, str]:
    with program(settings) as sink:
        _, said = sink.communicate(timeout=30)
        return sink.returncode, said.strip().splitlines()[-1]


def test_a_missing_schema_is_told_in_one_line(sink_settings: Settings, dsn: str) -> None:
    execute(dsn, "DROP TABLE sink_offset")

    code, said = refused(sink_settings)

    assert code == Exit.NOT_READY
    assert "posttrail migrate" in said


def test_a_missing_topic_is_told_in_one_line(sink_settings: Settings) -> None:
    kafka = sink_settings.kafka.model_copy(update={"prefix": "nowhere."})

    code, said = refused(sink_settings.model_copy(update={"kafka": kafka}))

    assert code == Exit.NOT_READY
    assert "nowhere.maillog.deliveries" in said
    assert "posttrail topics" in said


def test_a_database_that_refuses_is_told_in_one_line_without_the_password(
    sink_settings: Settings, dsn: str
) -> None:
    postgres = type(sink_settings.postgres).model_validate(
        {"dsn": dsn.replace("password=", "password=wrong")}
    )

    code, said = refused(sink_settings.model_copy(update={"postgres": postgres}))

    assert code == Exit.UNREACHABLE
    assert "authentication failed" in said
    assert "wrong" not in said


def test_rewind_says_where_the_group_stood_and_stands(sink_settings: Settings) -> None:
    produce(sink_settings, mails(600))

    with program(sink_settings, "rewind", "--to", "5") as rewind:
        said, _ = rewind.communicate(timeout=30)

    assert rewind.returncode == Exit.OK
    assert said.count("stood at the beginning, stands at 5") == 6
