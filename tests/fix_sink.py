"""Settings of a sink on topics and a database of its own."""

import pytest

from posttrail import config
from posttrail.config import Settings
from tests.sink_world import make_counting_table


@pytest.fixture
def sink_settings(kafka: str, prefix: str, dsn: str) -> Settings:
    """Small, quick batches; the database has the counting writer's table too."""
    make_counting_table(dsn)
    return config.load(
        kafka={"bootstrap": kafka, "prefix": prefix},
        postgres={"dsn": dsn},
        sink={"batch_facts": 100, "batch_seconds": 0.1},
    )
