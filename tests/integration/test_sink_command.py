"""`posttrail sink` as a program: it lands, it ends well when told to, it says what it lacks."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from posttrail.config import Settings
from posttrail.errors import Exit
from tests.fix_postgres import execute
from tests.program import PROGRAM, environment
from tests.sink_world import mails, produce, rows, until

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def env(settings: Settings) -> dict[str, str]:
    return environment(
        KAFKA__BOOTSTRAP=settings.kafka.bootstrap,
        KAFKA__PREFIX=settings.kafka.prefix,
        POSTGRES__DSN=settings.postgres.dsn.get_secret_value(),
        SINK__BATCH_SECONDS="0.1",
    )


@contextmanager
def program(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*PROGRAM, "sink", *arguments],
        env=env(settings),
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


def test_a_missing_schema_is_told_in_one_line(sink_settings: Settings, dsn: str) -> None:
    execute(dsn, "DROP TABLE sink_offset")

    with program(sink_settings) as sink:
        _, said = sink.communicate(timeout=30)

    assert sink.returncode == Exit.NOT_READY
    assert "posttrail migrate" in said.strip().splitlines()[-1]


def test_rewind_says_where_the_group_stood_and_stands(sink_settings: Settings) -> None:
    produce(sink_settings, mails(600))

    with program(sink_settings, "rewind", "--to", "5") as rewind:
        said, _ = rewind.communicate(timeout=30)

    assert rewind.returncode == Exit.OK
    assert said.count("stood at the beginning, stands at 5") == 6
