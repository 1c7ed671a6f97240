"""What the questions say where there is nothing: plain words, an exit code, no traceback."""

import json
import uuid
from collections.abc import Iterator

import pytest

from posttrail.errors import Exit
from tests.fix_postgres import execute, on_database
from tests.program import environment, run

pytestmark = pytest.mark.postgres

NAME = f"empty_{uuid.uuid4().hex[:8]}"
JSON = {
    "report --format json": Exit.OK,
    "search --json": Exit.NOT_FOUND,
    "trace X --json": Exit.NOT_FOUND,
    "queue --json": Exit.OK,
    "queue --json --compare - --host mx1": Exit.OK,
}


@pytest.fixture(scope="module")
def empty(postgres: str, template: str) -> Iterator[str]:
    """Tables without rows; only looked at."""
    execute(postgres, f"CREATE DATABASE {NAME} TEMPLATE {template}")
    yield on_database(postgres, NAME)
    execute(postgres, f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("report", Exit.OK, "no mail and no refusal"),
        ("report --format csv --by sender", Exit.OK, "address,mails,bytes\n"),
        ("search", Exit.NOT_FOUND, "nothing found: there are no mails in the tables"),
        ("trace 3XkZ9K2Zz1z", Exit.NOT_FOUND, "3XkZ9K2Zz1z: no mail with this queue id"),
        ("queue", Exit.OK, "nothing waits"),
        ("queue --compare /dev/null --host mx1", Exit.OK, "0 mails: agreed"),
    ],
)
def test_nothing_is_said_in_words(empty: str, words: str, code: Exit, said: str) -> None:
    done = run(*words.split(), env=environment(POSTGRES__DSN=empty))

    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", JSON)
def test_nothing_is_json_all_the_same(empty: str, words: str) -> None:
    done = run(*words.split(), env=environment(POSTGRES__DSN=empty))

    found = json.loads(done.stdout)
    assert not any(found.get("totals", found).values() if isinstance(found, dict) else found)
    assert done.returncode == JSON[words]
    assert "Traceback" not in done.stderr
