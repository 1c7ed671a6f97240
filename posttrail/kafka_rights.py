"""Whether a stage may do in Kafka what posttrail.kafka_rules says it must: nothing is written.

Rights on topics and groups are asked for; a transactional id is tried out, under a name that no
producer has.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from posttrail import kafka_clients, lag, topic_admin
from posttrail.config import Settings
from posttrail.errors import Refused, Unreachable
from posttrail.kafka_rules import CHECK, Kind, Rule, add_command

_ANSWER_S = 15.0


def require(settings: Settings, rules: Iterable[Rule]) -> str:
    """Check all of it; what is allowed, in words.

    Raises:
        Refused: something is not allowed; says what to allow.
        Unreachable: no broker answers.
    """
    wanted = list(rules)
    admin = topic_admin.client(settings)
    try:
        lacking = [*_of_topics(admin, settings, wanted), *_of_groups(admin, settings, wanted)]
        lacking += _of_transactions(settings, wanted)
    except KafkaException as error:
        raise Unreachable(f"Kafka does not say what is allowed: {error.args[0].str()}") from error
    except TimeoutError:
        raise Unreachable(f"Kafka does not say what is allowed in {_ANSWER_S:.0f} s") from None
    if lacking:
        raise refused(settings, lacking)
    topics = sorted({rule.name for rule in wanted if rule.kind is Kind.TOPIC})
    return ", ".join(
        "/".join(rule.operation for rule in wanted if rule.name == name) + f" {name}"
        for name in topics
    )


def refused(settings: Settings, lacking: Iterable[Rule]) -> Refused:
    """The error that says what to allow."""
    cures = "; ".join(_cure(rule, settings.kafka.prefix) for rule in lacking)
    return Refused(f"Kafka does not allow: {cures}")


def _of_topics(admin: AdminClient, settings: Settings, rules: list[Rule]) -> Iterator[Rule]:
    prefix = settings.kafka.prefix
    wanted = [rule for rule in rules if rule.kind is Kind.TOPIC]
    found = admin.describe_topics(
        TopicCollection(sorted({prefix + rule.name for rule in wanted})),
        include_authorized_operations=True,
        request_timeout=_ANSWER_S,
    )
    allowed = {name: _allowed(one) for name, one in found.items()}
    yield from (rule for rule in wanted if rule.operation not in allowed[prefix + rule.name])


def _allowed(described: "Future[Any]") -> set[str]:
    """On one topic; nothing where we may not even see it."""
    try:
        return _names(described.result(_ANSWER_S).authorized_operations)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return set()
        raise


def _of_groups(admin: AdminClient, settings: Settings, rules: list[Rule]) -> Iterator[Rule]:
    for rule in rules:
        if rule.kind is Kind.GROUP and not _may(admin, settings.kafka.prefix + rule.name, rule):
            yield rule


def _may(admin: AdminClient, group: str, rule: Rule) -> bool:
    def ask() -> set[str]:
        found = admin.describe_consumer_groups([group], include_authorized_operations=True)
        return _names(found[group].result(_ANSWER_S).authorized_operations)

    try:
        # Of a group that nobody ever joined Kafka does not tell.
        return rule.operation in lag.of_group(ask, {rule.operation})
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return False
        raise


def _of_transactions(settings: Settings, rules: list[Rule]) -> list[Rule]:
    """All of them when the one that can be tried out is not allowed: they are allowed together."""
    ids = [rule for rule in rules if rule.kind is Kind.TRANSACTIONAL_ID]
    tried = {
        rule.name if rule.name.endswith(CHECK) else rule.name + CHECK
        for rule in ids
        if rule.prefixed or rule.name.endswith(CHECK)
    }
    return ids if not all(_may_begin(settings, name) for name in tried) else []


def _may_begin(settings: Settings, transactional_id: str) -> bool:
    name = settings.kafka.prefix + transactional_id
    producer = Producer(
        {**kafka_clients.base(settings, "check"), "transactional.id": name, "log_level": 0}
    )
    try:
        producer.init_transactions(_ANSWER_S)
    except KafkaException as error:
        if error.args[0].name() != "TRANSACTIONAL_ID_AUTHORIZATION_FAILED":
            raise
        return False
    return True


def _names(operations: list[Any] | None) -> set[str]:
    """As the rules spell them. Kafka answers None where it has no rules at all."""
    found = AclOperation if operations is None else operations
    return {operation.name.title().replace("_", "") for operation in found}


def _cure(rule: Rule, prefix: str) -> str:
    command = add_command([rule], "User:…", prefix)
    return f"{rule.operation} on {rule.kind} {prefix}{rule.name}: `kafka-acls.sh {command}`"
