"""What `posttrail search` prints about the sample log, word for word."""

from pathlib import Path

import pytest

from tests.fix_stack import Stack
from tests.program import run_well

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

GOLDEN = Path(__file__).parent / "golden"

ASKED = {
    "search_failed": ("--host", "vm", "--status", "failed", "--limit", "12"),
    "search_null_sender": ("--host", "vm", "--sender", "<>", "--limit", "5", "--json"),
    "search_talk": ("--domain", "MULTINAME.org", "--host", "mail", "--json"),
    "search_talk_table": ("--host", "mail", "--until", "2020-01-01"),
}


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_search_of_the_sample_prints_what_it_always_did(imported: Stack, name: str) -> None:
    shown = run_well("search", *ASKED[name], env={**imported.env, "TZ": "UTC", "COLUMNS": "100"})

    assert shown == (GOLDEN / f"{name}.txt").read_text()
