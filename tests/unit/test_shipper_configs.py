"""The configurations for other shippers name what posttrail names."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from posttrail.topics import RAW

DEPLOY = Path(__file__).parents[2] / "deploy"
RSYSLOG = (DEPLOY / "rsyslog/60-posttrail.conf").read_text()
SHIPPERS = Path(__file__).parents[2] / "docs/shippers.md"


@pytest.fixture(scope="module")
def vector() -> dict[str, Any]:
    return tomllib.loads((DEPLOY / "vector/posttrail.toml").read_text())


def test_rsyslog_writes_to_the_raw_topic_with_our_partitioner() -> None:
    assert f'topic="{RAW.name}"' in RSYSLOG
    assert '"partitioner=consistent_random"' in RSYSLOG
    assert 'partitions.auto="on"' in RSYSLOG


def test_vector_writes_to_the_raw_topic_with_our_partitioner(vector: dict[str, Any]) -> None:
    sink = vector["sinks"]["raw"]

    assert sink["topic"] == RAW.name
    assert sink["librdkafka_options"]["partitioner"] == "consistent_random"
    assert sink["key_field"] == "host"


def test_vectors_parts_are_connected(vector: dict[str, Any]) -> None:
    (source,) = vector["sources"]
    (transform,) = vector["transforms"]

    assert vector["transforms"][transform]["inputs"] == [source]
    assert vector["sinks"]["raw"]["inputs"] == [transform]


def test_vector_puts_the_line_together_in_canonical_form(vector: dict[str, Any]) -> None:
    """Vector itself is not run here: this is the order of the parts, no more."""
    program = vector["transforms"]["lines"]["source"]

    line = re.search(r"^\.message = (.*)$", program, flags=re.MULTILINE)

    assert line is not None
    assert line[1] == 'stamp + " " + string!(.host) + " " + tag + "[" + pid + "]: " + text'
    assert "%Y-%m-%dT%H:%M:%S%.6f%:z" in program


def test_the_page_on_shippers_names_every_setting_of_rsyslog_that_matters() -> None:
    page = SHIPPERS.read_text()

    named = re.findall(r'"([a-z.]+)=[^"]*"', RSYSLOG)

    assert named
    assert [name for name in named if name not in page] == []
