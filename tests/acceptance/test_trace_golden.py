"""`posttrail trace` on the sample log, which a real Postfix wrote: filter, forward and bounces."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from posttrail_answers import timeline
from posttrail_answers.database import reading
from posttrail_answers.hops import Node, tree
from posttrail_answers.trace import trails

from tests.program import PROGRAM

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def told(node: Node, depth: int = 0) -> Iterator[str]:
    link = f" {node.link.kind}, {node.link.sure}" if node.link else ""
    yield f"{'  ' * depth}{node.key.queue_id} {node.word}{link}"
    for child in node.children:
        yield from told(child, depth + 1)


GOLDEN: dict[str, list[str]] = {
    "C4B48248567": ["C4B48248567 filtered", "  D00A324857D delivered queued as, certain"],
    "D00A324857D": ["C4B48248567 filtered", "  D00A324857D delivered queued as, certain"],
    "AB0B2248562": ["AB0B2248562 delivered", "  C254C24857C delivered forwarded as, certain"],
    "74B9324803C": ["74B9324803C partly delivered", "  96F03248565 delivered bounce, certain"],
}


@pytest.mark.parametrize("asked", GOLDEN)
def test_the_way_of_a_mail_is_one_tree(sample_dsn: str, asked: str) -> None:
    with reading(sample_dsn) as opened:
        first = trails(opened, asked)[0].mail
        found = tree(opened, timeline.key_of(first))

    assert list(told(found.root)) == GOLDEN[asked]


SHOWN = Path(__file__).parent / "golden_trace.txt"


def test_the_trace_of_a_mail_with_a_retry_and_a_bounce_reads_as_agreed(sample_dsn: str) -> None:
    environment = {
        **os.environ,
        "POSTTRAIL_POSTGRES__DSN": sample_dsn,
        "TZ": "UTC",
        "COLUMNS": "120",
    }

    shown = subprocess.run(
        [*PROGRAM, "trace", "74B9324803C", "--no-lines"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines == SHOWN.read_text().splitlines()
