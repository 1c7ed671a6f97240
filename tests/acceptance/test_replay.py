"""The sample log derived anew: the same rows with the same rules, others with another rule."""

import json
from typing import Any

import pytest

from tests.fix_stack import Stack
from tests.program import run_well

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

TABLES = ("delivery_from", "delivery_to", "noqueue")


def contents(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    return {
        table: stack.rows(f"SELECT whole::text FROM {table} AS whole ORDER BY 1")
        for table in TABLES
    }


def replayed(stack: Stack, *arguments: str, **settings: str) -> dict[str, Any]:
    said = run_well("replay", "--since", "0", "--json", *arguments, env=stack.env | settings)
    report: dict[str, Any] = json.loads(said)
    return report


def differing(report: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {
        table: (changes["added"], changes["changed"], changes["vanished"])
        for table, changes in report["tables"].items()
    }


NOTHING = dict.fromkeys((*TABLES, "log_gap"), (0, 0, 0))


def test_with_the_same_parser_a_replay_finds_nothing(imported: Stack) -> None:
    report = replayed(imported, "--dry-run")

    assert differing(report) == NOTHING
    assert report["facts"] > 1000
    assert report["out_of_reach"] == report["moving"] == 0
    assert not report["swapped"]


def test_a_swap_with_the_same_parser_leaves_every_row_as_it_is(imported: Stack) -> None:
    before = contents(imported)

    report = replayed(imported)

    assert differing(report) == NOTHING
    assert contents(imported) == before


ANOTHER_RULE = {"POSTTRAIL_PROCESSOR__VERP_MARKER": "is"}
"""As if `list@sender.test` held an id: what stands behind `is`."""


def test_a_rule_that_changed_shows_exactly_its_rows(imported: Stack) -> None:
    (found,) = imported.rows(
        "SELECT count(*) FROM delivery_from WHERE sender ~ '^[^@]+is[^@]+(@|$)'"
    )

    report = replayed(imported, "--dry-run", **ANOTHER_RULE)

    assert found["count"] > 0
    assert differing(report) == NOTHING | {"delivery_from": (0, found["count"], 0)}
    assert report["tables"]["delivery_from"]["columns"] == {
        "verp_id": found["count"],
        "verp_sender": found["count"],
    }


def test_what_would_change_is_shown_to_people(imported: Stack) -> None:
    said = run_well("replay", "--since", "0", "--dry-run", env=imported.env | ANOTHER_RULE)

    assert "Would swap" in said
    assert "changed delivery_from queue_id=" in said
    assert 'verp_sender: null -> "l@sender.test"' in said


def test_a_rewind_of_the_running_sink_leaves_every_row_as_it_is(imported: Stack) -> None:
    before = contents(imported)

    assert "stands at 0" in imported.run("sink", "rewind", "--to", "0")
    imported.wait_until_idle()

    assert contents(imported) == before
