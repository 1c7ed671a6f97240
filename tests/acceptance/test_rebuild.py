"""A database or Kafka is lost: what docs/backup.md says of it is true."""

import gzip
import json
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from posttrail_embedded.database import programs

from posttrail.topics import DELIVERIES
from tests import oracle
from tests.fix_postgres import execute, on_database
from tests.fix_stack import SAMPLE, Stack, made, running
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

DOCUMENT = Path(__file__).parents[2] / "docs" / "backup.md"
ERASED = "s239@sender.test"
MAILS = ("delivery_from", "delivery_to", "noqueue")
TABLES = (*MAILS, "log_gap")


def contents(stack: Stack) -> dict[str, list[str]]:
    """Every row as text, in order."""
    return {
        table: sorted(
            each["row"] for each in stack.rows(f"SELECT whole::text AS row FROM {table} whole")
        )
        for table in TABLES
    }


def mails(stack: Stack) -> dict[str, list[str]]:
    """What is known of every mail, whichever copy of a line said so, as JSON in order."""
    left_out = "', '".join(oracle.WHICH_COPY)
    return {
        table: sorted(
            json.dumps(each["row"], sort_keys=True)
            for each in stack.rows(
                f"SELECT to_jsonb(whole) - ARRAY['{left_out}'] AS row FROM {table} whole"
            )
        )
        for table in MAILS
    }


def bring_in(stack: Stack, directory: Path, log: Path) -> None:
    """All of a log, up to its rows; no stage runs afterwards."""
    stack.run("produce", "file", str(log))
    with running(stack.env, directory, "process", "sink"):
        stack.wait_until_idle()


def forget_all_facts(kafka: str, stack: Stack) -> None:
    """As their retention does after a week."""
    topic = DELIVERIES.full_name(stack.env["POSTTRAIL_KAFKA__PREFIX"])
    end_of_log = -1
    asked = [TopicPartition(topic, part, end_of_log) for part in range(DELIVERIES.partitions)]
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.delete_records(asked).values():
        done.result(30)


def empty(postgres: str, stack: Stack) -> None:
    """The database goes, and an empty one takes its place."""
    name = stack.dsn.split("dbname=")[1].split()[0]
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")
    execute(postgres, f"CREATE DATABASE {name}")
    assert on_database(postgres, name) == stack.dsn


def lose(kafka: str, postgres: str, stack: Stack) -> None:
    """The database goes, and only the raw lines are left."""
    empty(postgres, stack)
    forget_all_facts(kafka, stack)
    stack.run("migrate")


def halves(directory: Path) -> list[Path]:
    """The sample log, in two files."""
    lines = gzip.decompress(SAMPLE.read_bytes()).splitlines(keepends=True)
    middle = len(lines) // 2
    found = [directory / "first.log", directory / "second.log"]
    for file, part in zip(found, (lines[:middle], lines[middle:]), strict=True):
        file.write_bytes(b"".join(part))
    return found


def dump(stack: Stack, file: Path) -> None:
    """A backup by PostgreSQL's own means."""
    given = [
        str(programs() / "pg_dump"),
        "--format=custom",
        f"--file={file}",
        f"--dbname={stack.dsn}",
    ]
    subprocess.run(given, check=True)


def restore(postgres: str, stack: Stack, file: Path) -> None:
    """The backup takes the place of the database."""
    empty(postgres, stack)
    given = [str(programs() / "pg_restore"), "--exit-on-error", f"--dbname={stack.dsn}", str(file)]
    subprocess.run(given, check=True)


def lose_kafka(kafka: str, stack: Stack) -> None:
    """All topics go, and the same names are made anew."""
    admin = AdminClient({"bootstrap.servers": kafka})
    prefix = stack.env["POSTTRAIL_KAFKA__PREFIX"]
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for done in admin.delete_topics(names).values():
        done.result(30)
    eventually(lambda: not set(names) & admin.list_topics(timeout=30).topics.keys())
    stack.run("topics")


def say(stack: Stack, program: str, directory: Path) -> None:
    """The one command with this program of docs/backup.md, on the stack's database."""
    (command,) = (
        line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"{program} ")
    )
    _, *options, database = shlex.split(command)
    assert database == "posttrail"
    given = [str(programs() / program), *options, f"--dbname={stack.dsn}"]
    subprocess.run(given, cwd=directory, check=True, stdout=subprocess.DEVNULL)


def test_a_lost_database_is_rebuilt_from_the_raw_lines(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    with made(kafka, postgres, tmp_path) as stack:
        bring_in(stack, tmp_path, SAMPLE)
        before = contents(stack)

        lose(kafka, postgres, stack)
        with running(stack.env, tmp_path, "process", "sink"):
            stack.run("replay", "--since", "0")

        assert len(before["delivery_to"]) == 1803
        assert contents(stack) == before


@pytest.mark.parametrize("has_facts", [True, False], ids=["a young one", "an old one"])
def test_a_restored_backup_catches_up(
    kafka: str, postgres: str, tmp_path: Path, *, has_facts: bool
) -> None:
    first, second = halves(tmp_path)
    with made(kafka, postgres, tmp_path) as stack:
        bring_in(stack, tmp_path, first)
        of_backup = datetime.now(UTC).isoformat()
        dump(stack, tmp_path / "backup")
        bring_in(stack, tmp_path, second)
        before = mails(stack)

        restore(postgres, stack, tmp_path / "backup")
        assert mails(stack) != before
        if not has_facts:
            forget_all_facts(kafka, stack)
        with running(stack.env, tmp_path, "process", "sink"):
            stack.wait_until_idle()
            if not has_facts:
                gone = "facts were gone from the topic before a sink read them"
                assert gone in " ".join(stack.run("status").split())
                stack.run("replay", "--since", of_backup)

        assert mails(stack) == before


def test_a_lost_kafka_is_filled_again_and_no_line_counts_twice(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    with made(kafka, postgres, tmp_path) as stack:
        bring_in(stack, tmp_path, SAMPLE)
        before = mails(stack)

        lose_kafka(kafka, stack)
        bring_in(stack, tmp_path, SAMPLE)

        assert stack.rows("SELECT sum(next_offset) FROM sink_offset")[0]["sum"] > 0
        assert mails(stack) == before


def test_who_was_erased_stays_away_from_a_rebuilt_database(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    with made(kafka, postgres, tmp_path) as stack:
        bring_in(stack, tmp_path, SAMPLE)
        assert ERASED in str(contents(stack))
        stack.run("erase", ERASED, "--yes")
        before = contents(stack)
        say(stack, "pg_dump", tmp_path)

        lose(kafka, postgres, stack)
        say(stack, "psql", tmp_path)
        with running(stack.env, tmp_path, "process", "sink"):
            stack.run("replay", "--since", "0")

        assert ERASED not in str(before)
        assert ERASED not in str(contents(stack))
        assert len(contents(stack)["delivery_to"]) == len(before["delivery_to"])
