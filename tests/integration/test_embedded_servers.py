"""The embedded servers, for real."""

from contextlib import closing

import psycopg2
import pytest
from confluent_kafka.admin import AdminClient
from posttrail_embedded import jars

from posttrail import topics

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_every_topic_is_there_as_declared(admin: AdminClient, prefix: str) -> None:
    found = admin.list_topics(timeout=10).topics

    assert {topic.full_name(prefix): topic.partitions for topic in topics.ALL} == {
        name: len(topic.partitions) for name, topic in found.items() if name.startswith(prefix)
    }


def test_the_database_takes_utf8_and_thinks_in_utc(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'é', current_setting('timezone'), current_setting('server_encoding')"
        )

        assert cursor.fetchone() == ("é", "UTC", "UTF8")


def test_every_locked_jar_lies_beside_the_environment() -> None:
    assert jars.missing(jars.directory()) == []
