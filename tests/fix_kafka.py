"""A real Kafka for the tests: an embedded one per session, or the one that
POSTTRAIL_TEST_BOOTSTRAP names.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_embedded.jars import KAFKA_VERSION

from posttrail import topics
from posttrail.errors import PosttrailError
from tests.missing import missing
from tests.waiting import eventually

GIVEN = os.environ.pop("POSTTRAIL_TEST_BOOTSTRAP", "")


def pytest_report_header() -> str:
    return f"kafka: {GIVEN or f'embedded {KAFKA_VERSION}'}"


def _running(directory: Path) -> Iterator[EmbeddedKafka]:
    server = EmbeddedKafka(directory, directory / "kafka.log")
    try:
        server.start()
    except PosttrailError as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap string of a Kafka."""
    if GIVEN:
        yield GIVEN
        return
    for server in _running(tmp_path_factory.mktemp("kafka")):
        yield server.bootstrap


@pytest.fixture
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker that a test may freeze, kill and start again."""
    yield from _running(tmp_path_factory.mktemp("own-kafka"))


@pytest.fixture(scope="session")
def admin(kafka: str) -> AdminClient:
    """One admin client for all tests."""
    return AdminClient({"bootstrap.servers": kafka})


@pytest.fixture
def prefix(admin: AdminClient) -> Iterator[str]:
    """A topic prefix that no other test has, with all of posttrail's topics made on it."""
    unique = f"t{uuid.uuid4().hex[:8]}."
    wanted = [
        NewTopic(topic.full_name(unique), topic.partitions, 1, config=topic.config)
        for topic in topics.ALL
    ]
    for made in admin.create_topics(wanted).values():
        made.result(30)
    names = {topic.topic for topic in wanted}
    eventually(lambda: names <= admin.list_topics(timeout=10).topics.keys())
    yield unique
    left = names & admin.list_topics(timeout=10).topics.keys()
    for gone in admin.delete_topics(list(left)).values():
        gone.result(30)
