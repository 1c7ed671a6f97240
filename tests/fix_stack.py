"""All stages as programs of their own, on the real servers of the session."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from tests.fix_postgres import execute, on_database
from tests.program import PROGRAM, ROOT, environment, run_well

SAMPLE = ROOT / "samples" / "mail.log.gz"
TALK = ROOT / "samples" / "talk.log"


class Stack(NamedTuple):
    """One posttrail: its environment and its database."""

    env: dict[str, str]
    dsn: str

    def run(self, *arguments: str) -> str:
        """One command, which must end well; its standard output."""
        return run_well(*arguments, env=self.env)

    def wait_until_idle(self) -> None:
        """Until all that is in Kafka stands in the tables."""
        self.run("status", "--wait-idle", "120")

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query gives, as dictionaries."""
        with (
            closing(psycopg2.connect(self.dsn)) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            cursor.execute(query)
            return [dict(row) for row in cursor.fetchall()]


def _start(command: str, env: dict[str, str], directory: Path) -> "subprocess.Popen[bytes]":
    with (directory / f"{command}.log").open("wb") as log:
        return subprocess.Popen([*PROGRAM, command], env=env, stdout=log, stderr=log)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(30)
    finally:
        process.kill()


@contextmanager
def running(env: dict[str, str], directory: Path, *commands: str) -> Iterator[None]:
    """These stages, until the block ends."""
    with ExitStack() as ended:
        for command in commands:
            ended.callback(_stop, _start(command, env, directory))
        yield


@contextmanager
def made(kafka: str, postgres: str, directory: Path) -> Iterator[Stack]:
    """Topics and tables of its own; no stage runs."""
    name = f"stack_{uuid.uuid4().hex[:8]}"
    execute(postgres, f"CREATE DATABASE {name}")
    dsn = on_database(postgres, name)
    env = environment(
        KAFKA__BOOTSTRAP=kafka, KAFKA__PREFIX=f"{name}.", POSTGRES__DSN=dsn, HOME=str(directory)
    )
    run_well("topics", env=env)
    run_well("migrate", env=env)
    yield Stack(env, dsn)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def stack(kafka: str, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Topics, tables, one processor, one sink."""
    directory = tmp_path_factory.mktemp("stack")
    with (
        made(kafka, postgres, directory) as found,
        running(found.env, directory, "process", "sink"),
    ):
        yield found


@pytest.fixture(scope="session")
def imported(stack: Stack) -> Stack:
    """The stack with the sample log and the lines of the talk in its tables."""
    stack.run("produce", "file", str(SAMPLE))
    stack.run("produce", "file", str(TALK), "--year", "2019", "--zone", "UTC")
    stack.wait_until_idle()
    return stack
