"""Who was erased stays away: a replay and a sink that is set back read what Kafka still holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from posttrail_sinks.erase import erase

from tests.fix_postgres import execute
from tests.fix_stack import SAMPLE, TALK, Stack, made, running

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

ERASED = (
    "s239@sender.test",  # sends to many
    "redir@ok.test",  # mails are redirected to them, others refused
    "ibu@multiname.org",  # with a long queue id
)
TABLES = ("delivery_from", "delivery_to", "noqueue", "set_aside")


@pytest.fixture
def stack(kafka: str, postgres: str, tmp_path: Path) -> Iterator[Stack]:
    with (
        made(kafka, postgres, tmp_path) as found,
        running(found.env, tmp_path, "process", "sink"),
    ):
        found.run("produce", "file", str(SAMPLE), str(TALK), "--year", "2019", "--zone", "UTC")
        found.wait_until_idle()
        yield found


def contents(stack: Stack, *tables: str) -> list[str]:
    """Every row as text, in order."""
    return sorted(
        row["row"]
        for table in tables
        for row in stack.rows(f"SELECT to_jsonb(whole)::text AS row FROM {table} AS whole")
    )


def test_what_kafka_holds_brings_nobody_back(stack: Stack) -> None:
    assert all(name in "".join(contents(stack, *TABLES, "short_bundle")) for name in ERASED)
    first, *others = ERASED
    stack.run("erase", first, "--yes")
    for name in others:
        erase(stack.dsn, name, datetime.now(UTC) + timedelta(days=30), dry_run=False)
    before = contents(stack, *TABLES)

    lost = ", ".join((*TABLES, "short_bundle"))
    execute(stack.dsn, f"TRUNCATE {lost}")
    stack.run("replay", "--since", "0")
    assert contents(stack, *TABLES) == before

    stack.run("sink", "rewind", "--to", "0")
    stack.wait_until_idle()
    assert contents(stack, *TABLES) == before
    everything = "".join(contents(stack, *TABLES, "short_bundle"))
    assert not [name for name in ERASED if name in everything]
