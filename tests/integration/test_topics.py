"""Topics on a real Kafka: made as declared, differences told."""

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from posttrail_embedded.ports import free_ports

from posttrail import config, topic_admin, topics
from posttrail.config import Settings
from posttrail.errors import NotReady, Unreachable
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    return config.load(kafka={"bootstrap": kafka, "prefix": prefix})


def delete(admin: AdminClient, name: str) -> None:
    admin.delete_topics([name])[name].result(30)
    eventually(lambda: name not in admin.list_topics(timeout=10).topics)


def set_config(admin: AdminClient, name: str, key: str, value: str) -> None:
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(30)
    plain = ConfigResource(ResourceType.TOPIC, name)
    eventually(lambda: admin.describe_configs([plain])[plain].result(30)[key].value == value)


def test_topics_that_are_there_stay_as_they_are(settings: Settings) -> None:
    assert topic_admin.make_missing(settings) == []
    assert [found.differs for found in topic_admin.verify(settings)] == [{}] * len(topics.ALL)


def test_a_missing_topic_is_made_as_declared(
    settings: Settings, admin: AdminClient, prefix: str
) -> None:
    gone = topics.RAW.full_name(prefix)
    delete(admin, gone)

    with pytest.raises(NotReady, match=r"maillog\.raw does not exist: make it with `posttrail top"):
        topic_admin.verify(settings)
    assert topic_admin.make_missing(settings) == [gone]
    assert [found.differs for found in topic_admin.verify(settings)] == [{}] * len(topics.ALL)


def test_a_stage_refuses_a_topic_with_other_partitions(
    settings: Settings, admin: AdminClient, prefix: str
) -> None:
    name = topics.RAW.full_name(prefix)
    delete(admin, name)
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(30)

    with pytest.raises(NotReady, match="has 2 partitions, posttrail needs 6"):
        topic_admin.require(settings, topics.RAW)


def test_an_operators_retention_is_told_and_kept(
    settings: Settings, admin: AdminClient, prefix: str
) -> None:
    set_config(admin, topics.RAW.full_name(prefix), "retention.ms", "3600000")

    found = {each.name: each.differs for each in topic_admin.verify(settings)}

    declared = topics.RAW.config["retention.ms"]
    assert found[topics.RAW.full_name(prefix)] == {"retention.ms": (declared, "3600000")}


def test_positions_that_would_be_deleted_by_age_are_refused(
    settings: Settings, admin: AdminClient, prefix: str
) -> None:
    set_config(admin, topics.POSITIONS.full_name(prefix), "cleanup.policy", "delete")

    with pytest.raises(NotReady, match=r"cleanup\.policy=delete, posttrail needs compact"):
        topic_admin.verify(settings)


def test_a_broker_that_is_away_is_said_in_one_line() -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    settings = config.load(kafka={"bootstrap": nobody})

    with pytest.raises(Unreachable, match=f"no answer from Kafka at {nobody}"):
        topic_admin.partitions(topic_admin.client(settings), settings, answer_s=1.0)
