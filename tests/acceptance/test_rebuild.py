"""The database is lost, and made anew from what Kafka still holds."""

import shlex
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from posttrail_embedded.database import programs

from posttrail.topics import DELIVERIES
from tests.fix_postgres import execute, on_database
from tests.fix_stack import SAMPLE, Stack, made, running

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

DOCUMENT = Path(__file__).parents[2] / "docs" / "backup.md"
ERASED = "s239@sender.test"
TABLES = ("delivery_from", "delivery_to", "noqueue", "log_gap")


def contents(stack: Stack) -> dict[str, list[str]]:
    """Every row as text, in order."""
    return {
        table: sorted(
            each["row"] for each in stack.rows(f"SELECT whole::text AS row FROM {table} whole")
        )
        for table in TABLES
    }


def forget_all_facts(kafka: str, stack: Stack) -> None:
    """As their retention does after a week."""
    topic = DELIVERIES.full_name(stack.env["POSTTRAIL_KAFKA__PREFIX"])
    end_of_log = -1
    asked = [TopicPartition(topic, part, end_of_log) for part in range(DELIVERIES.partitions)]
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.delete_records(asked).values():
        done.result(30)


def lose(kafka: str, postgres: str, stack: Stack) -> None:
    """The database goes, an empty one takes its place, and only the raw lines are left."""
    name = stack.dsn.split("dbname=")[1].split()[0]
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")
    forget_all_facts(kafka, stack)
    execute(postgres, f"CREATE DATABASE {name}")
    assert on_database(postgres, name) == stack.dsn
    stack.run("migrate")


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
        stack.run("produce", "file", str(SAMPLE))
        with running(stack.env, tmp_path, "process", "sink"):
            stack.wait_until_idle()
        before = contents(stack)

        lose(kafka, postgres, stack)
        with running(stack.env, tmp_path, "process", "sink"):
            stack.run("replay", "--since", "0")

        assert len(before["delivery_to"]) == 1803
        assert contents(stack) == before


def test_who_was_erased_stays_away_from_a_rebuilt_database(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    with made(kafka, postgres, tmp_path) as stack:
        stack.run("produce", "file", str(SAMPLE))
        with running(stack.env, tmp_path, "process", "sink"):
            stack.wait_until_idle()
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
