"""What cannot work says so in one line, gives a named exit code, and leaves nothing half-done."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from posttrail_embedded.ports import free_ports
from psycopg2.extensions import make_dsn

from posttrail import lag, topics
from posttrail.errors import Exit
from tests.fix_stack import SAMPLE, TALK
from tests.missing import missing as missing_tool
from tests.program import environment, run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

# Root reads everything, unless it gives up the right to.
_WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.fixture
def env(kafka: str, prefix: str, dsn: str, tmp_path: Path) -> dict[str, str]:
    return environment(
        KAFKA__BOOTSTRAP=kafka, KAFKA__PREFIX=prefix, POSTGRES__DSN=dsn, HOME=str(tmp_path)
    )


def missing(_path: Path) -> None:
    """Nothing is made."""


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def empty(path: Path) -> None:
    path.touch()


def directory(path: Path) -> None:
    path.mkdir()


BAD_FILES: dict[str, Callable[[Path], None]] = {
    "no such file": missing,
    "not a log": binary,
    "empty": empty,
    "directory": directory,
}
"""What is said of it, and how it is made."""


def one_line(text: str) -> str:
    """The error, which is one line and no traceback."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def nothing_in_kafka(admin: AdminClient, prefix: str) -> Iterator[None]:
    """After the test the raw topic still has no record."""
    yield
    found = lag.ends(admin, topics.RAW.full_name(prefix), topics.RAW.partitions)
    assert sum(found.values()) == 0


@pytest.mark.parametrize("said", BAD_FILES)
@pytest.mark.usefixtures("nothing_in_kafka")
def test_a_file_that_is_no_log_is_refused(said: str, env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    BAD_FILES[said](path)

    done = run("produce", "file", str(path), env=env)

    assert said in one_line(done.stderr)
    assert done.returncode == Exit.INPUT


@pytest.mark.usefixtures("nothing_in_kafka")
def test_a_file_that_may_not_be_read_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_text("secret")
    path.chmod(0)
    before = _WITHOUT_RIGHTS if os.geteuid() == 0 else ()
    if before and shutil.which(before[0]) is None:
        missing_tool("setpriv: root reads everything without it")

    done = run("produce", "file", str(path), env=env, before=before)

    assert "may not be read" in one_line(done.stderr)
    assert done.returncode == Exit.INPUT


@pytest.mark.parametrize("year", ["19", "2199"])
@pytest.mark.usefixtures("nothing_in_kafka")
def test_a_year_that_cannot_be_is_refused(year: str, env: dict[str, str]) -> None:
    done = run("produce", "file", str(TALK), "--year", year, env=env)

    assert f"--year {year}" in one_line(done.stderr)
    assert done.returncode == Exit.INPUT


@pytest.mark.parametrize("command", [["migrate"], ["status"], ["trace", "5B58E24853E"], ["sink"]])
def test_a_database_that_refuses_us_is_said(command: list[str], env: dict[str, str]) -> None:
    nobody = f"host=127.0.0.1 port={free_ports(1)[0]} password=secret-word"

    done = run(*command, env={**env, "POSTTRAIL_POSTGRES__DSN": nobody})

    assert "postgres.dsn" in one_line(done.stderr)
    assert "secret-word" not in done.stderr
    assert done.returncode == Exit.UNREACHABLE


def test_a_wrong_password_is_said(env: dict[str, str], dsn: str) -> None:
    wrong = make_dsn(dsn, password="wrong")

    done = run("migrate", env={**env, "POSTTRAIL_POSTGRES__DSN": wrong})

    assert "password" in one_line(done.stderr)
    assert done.returncode == Exit.UNREACHABLE


@pytest.mark.parametrize("command", [["produce", "file", str(SAMPLE)], ["process"], ["sink"]])
def test_a_missing_topic_is_said(command: list[str], env: dict[str, str]) -> None:
    done = run(*command, env={**env, "POSTTRAIL_KAFKA__PREFIX": "nowhere."})

    assert "posttrail topics" in one_line(done.stderr)
    assert done.returncode == Exit.NOT_READY


def test_a_database_without_tables_is_said(env: dict[str, str], postgres: str) -> None:
    done = run("trace", "5B58E24853E", env={**env, "POSTTRAIL_POSTGRES__DSN": postgres})

    assert "posttrail migrate" in one_line(done.stderr)
    assert done.returncode == Exit.NOT_READY


def test_a_setting_that_is_unknown_is_said(env: dict[str, str]) -> None:
    done = run("status", env={**env, "POSTTRAIL_KAFKA__BOOTSTRAPS": "x"})

    assert "bootstraps" in one_line(done.stderr)
    assert done.returncode == Exit.SETTINGS
