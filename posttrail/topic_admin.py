"""Makes the topics as declared, and tells where the ones on the broker differ.

Topics are never made by Kafka's auto-creation: it would give them other partitions.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from posttrail import kafka_clients
from posttrail.config import Settings, bootstrap
from posttrail.errors import NotReady, Unreachable
from posttrail.kafka_refusals import refusal
from posttrail.topics import ALL, Topic

_ANSWER_S = 10.0
_SOON_S = 1.5
"""After so long without an answer somebody looks for the reason."""

# A topic that differs in one of these does not keep what a stage relies on; in others it may.
_BINDING = {"cleanup.policy"}


class Found(NamedTuple):
    """A topic on the broker."""

    name: str
    partitions: int
    differs: dict[str, tuple[str, str]]
    """Settings that are not as declared: name -> (declared, found)."""


def client(settings: Settings) -> AdminClient:
    """An admin client that leaves words about lost connections to its caller.

    Raises:
        posttrail.errors.Unreachable: no broker is set and no embedded one runs.
    """
    return AdminClient({**kafka_clients.base(settings, "admin"), "log_level": 0})


def partitions(
    admin: AdminClient, settings: Settings, answer_s: float = _ANSWER_S
) -> dict[str, int]:
    """Partitions of every topic on the broker, by full name.

    Raises:
        posttrail.errors.Unreachable: no broker answers.
        posttrail.errors.Refused: one is there and does not let us in.
    """
    found = _listed(admin, min(_SOON_S, answer_s))
    if found is None:
        found = _listed_late(admin, settings, answer_s)
    return {name: len(topic.partitions) for name, topic in found.items()}


def _listed(admin: AdminClient, answer_s: float) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = admin.list_topics(timeout=answer_s).topics
    except KafkaException:
        return None
    return found


def _listed_late(admin: AdminClient, settings: Settings, answer_s: float) -> Mapping[str, Any]:
    """No answer came soon: find out whether one will come at all."""
    if (refused := refusal(settings)) is not None:
        raise refused
    found = _listed(admin, max(0.1, answer_s - _SOON_S))
    if found is None:
        raise Unreachable(
            f"no answer from Kafka at {bootstrap(settings)}; is it running, and are "
            "kafka.bootstrap and kafka.security right?"
        )
    return found


def require(settings: Settings, *needed: Topic) -> None:
    """Check the topics that a stage is about to use; one request.

    Raises:
        posttrail.errors.NotReady: one is missing or has another number of partitions.
        posttrail.errors.Unreachable: no broker answers.
    """
    found = partitions(client(settings), settings)
    for topic in needed:
        _check_partitions(topic, topic.full_name(settings.kafka.prefix), found)


def make_missing(settings: Settings) -> list[str]:
    """Make the topics that are not there; their full names.

    Raises:
        posttrail.errors.NotReady: the broker refuses to make one.
        posttrail.errors.Unreachable: no broker answers.
    """
    admin = client(settings)
    there = partitions(admin, settings)
    wanted = [
        NewTopic(name, topic.partitions, settings.kafka.replication, config=topic.config)
        for topic in ALL
        if (name := topic.full_name(settings.kafka.prefix)) not in there
    ]
    for name, made in (admin.create_topics(wanted) if wanted else {}).items():
        try:
            made.result(_ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise NotReady(f"Kafka did not make topic {name}: {_told(error)}") from error
    names = [topic.topic for topic in wanted]
    _wait_until_known(admin, settings, names)
    return names


def _told(error: KafkaException) -> str:
    told = error.args[0]
    cure = "; `posttrail topics --acls --part topics` prints the rules that allow it"
    refused = KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED
    return str(told.str()) + (cure if told.code() in refused else "")


def _wait_until_known(admin: AdminClient, settings: Settings, names: list[str]) -> None:
    """The controller's word comes a moment before the broker's knowledge."""
    deadline = time.monotonic() + _ANSWER_S
    while set(names) - partitions(admin, settings).keys():
        if time.monotonic() > deadline:
            raise NotReady(f"Kafka made {', '.join(names)} but does not show them; try again")
        time.sleep(0.05)


def verify(settings: Settings, looked_at: Iterable[Topic] = ALL) -> list[Found]:
    """Look at these topics.

    Settings that an operator may change, such as retention, are only told; those that this user
    may not see are taken as they are.

    Raises:
        posttrail.errors.NotReady: one is missing, has another number of partitions, or another
            cleanup policy.
        posttrail.errors.Unreachable: no broker answers.
    """
    admin = client(settings)
    there = partitions(admin, settings)
    return [_verified(admin, topic, settings.kafka.prefix, there) for topic in looked_at]


def _verified(admin: AdminClient, topic: Topic, prefix: str, there: dict[str, int]) -> Found:
    name = topic.full_name(prefix)
    _check_partitions(topic, name, there)
    differs = _differences(admin, topic, name)
    for key in _BINDING & differs.keys():
        declared, found = differs[key]
        raise NotReady(
            f"topic {name} has {key}={found}, posttrail needs {declared}: set it with "
            f"`kafka-configs.sh --alter --topic {name} --add-config {key}={declared}`"
        )
    return Found(name, there[name], differs)


def _check_partitions(topic: Topic, name: str, there: dict[str, int]) -> None:
    if name not in there:
        raise NotReady(
            f"topic {name} does not exist: make it with `posttrail topics`; or this user may not "
            "see it: `posttrail topics --acls` prints the rules"
        )
    if there[name] != topic.partitions:
        raise NotReady(
            f"topic {name} has {there[name]} partitions, posttrail needs {topic.partitions}: "
            "delete the topic and run `posttrail topics`, or use another kafka.prefix"
        )


def _differences(admin: AdminClient, topic: Topic, name: str) -> dict[str, tuple[str, str]]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    try:
        found = admin.describe_configs([resource])[resource].result(_ANSWER_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return {}
        raise
    declared = {"cleanup.policy": "delete", **topic.config}
    return {
        key: (value, found[key].value)
        for key, value in declared.items()
        if found[key].value != value
    }
