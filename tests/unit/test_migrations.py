"""Migrations run beside sinks that write: what they may lock, and in which order."""

import re
from itertools import pairwise
from pathlib import Path

import posttrail_sinks
import pytest

FILES = sorted((Path(posttrail_sinks.__file__).parent / "migrations").glob("*.sql"))
NEEDED_A_STOP = "0005_lines"
"""docs/upgrade.md asks to stop the sinks for this one."""
GROWING = {"delivery_from", "delivery_to", "noqueue", "short_bundle"}
AS_SINKS_DO = ("delivery_from", "delivery_to", "noqueue", "log_gap", "set_aside", "short_bundle")
"""The order in which a batch takes its locks."""
LOCKS = re.compile(
    r"^\s*(?:CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(?:\w+ )?ON (?:ONLY )?"
    r"|ALTER TABLE |DROP INDEX (?:IF EXISTS )?|CREATE TRIGGER [^;]*? ON )"
    rf"({'|'.join(AS_SINKS_DO)})",
    re.MULTILINE,
)
BUILDS = re.compile(r"^\s*CREATE (?:UNIQUE )?INDEX (?:\w+ )?ON (?!ONLY )(\w+)", re.MULTILINE)
"""With a lock on the table: neither ON ONLY nor CONCURRENTLY."""


def statements(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text())


beside_sinks = pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem > NEEDED_A_STOP], ids=lambda path: path.stem
)


@beside_sinks
def test_no_index_of_a_growing_table_is_built_while_writers_wait(path: Path) -> None:
    assert GROWING.isdisjoint(BUILDS.findall(statements(path)))


@beside_sinks
def test_tables_are_locked_in_the_order_of_the_sinks(path: Path) -> None:
    """Else a migration and a sink wait for each other, and one of them is broken off."""
    first_locked = list(dict.fromkeys(LOCKS.findall(statements(path))))

    assert first_locked == sorted(first_locked, key=AS_SINKS_DO.index)


def test_each_has_a_number_of_its_own() -> None:
    numbers = [path.name[:5] for path in FILES]

    assert all(one < other for one, other in pairwise(numbers))
