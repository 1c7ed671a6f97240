"""docs/faults.md and the tests of faults say the same: every fault has its test and its row."""

import re
from pathlib import Path

import pytest

from tests.faults import FAULTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()
MATRIX = PAGE.partition("## The matrix")[2].partition("## All at once")[0]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)", PAGE)))


def test_the_matrix_has_a_row_for_each_fault_and_no_other() -> None:
    rows = re.findall(r"^\| ([^|]+) \| \d+ \| \d+ \| \d+ \| [\d.]+ \|$", MATRIX, re.MULTILINE)

    assert rows == list(FAULTS)


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / path).read_text()


def test_every_test_of_a_fault_at_a_single_step_is_named() -> None:
    """The modules of tests/fault that are about a stage are on the page, each at least once."""
    modules = {f"tests/fault/{path.name}" for path in (ROOT / "tests/fault").glob("test_*.py")}
    on_page = {path for path, _ in NAMED}

    assert modules - on_page == set()
