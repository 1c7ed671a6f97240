"""What each part of posttrail may do in Kafka: the least that it works with, as one table.

Knows no client. Checks ask for it (posttrail.kafka_rights), `posttrail topics --acls` prints it,
and the tests run every part with exactly these rules.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from itertools import groupby
from shlex import quote

import msgspec

from posttrail.config import Settings
from posttrail.topics import ALL, DEAD, DELIVERIES, EVENTS, POSITIONS, RAW

CHECK = "#check"
"""Ends a transactional id that is only tried out, so that no running producer is fenced."""
POSITIONS_GROUP = "posttrail-positions"
DEAD_GROUP = "posttrail-dead"
REPLAY_GROUP = "posttrail-replay"
EVENTS_ID = "posttrail-events"
"""Transactional id of whoever publishes events: one at a time."""
LAG_GROUP = "posttrail-lag-"
"""Begins the names of groups that are never joined."""


class Kind(StrEnum):
    """What a rule is about, as kafka-acls.sh spells its options."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


class Rule(msgspec.Struct, frozen=True, order=True):
    """One operation that is allowed; Read and Write imply Describe (Kafka manual, section 7.4)."""

    kind: Kind
    name: str
    """Without `kafka.prefix`."""
    operation: str
    """As Kafka's manual spells it: Read, Write, Describe, …"""
    prefixed: bool = False
    """Whether it is about all names that begin so."""


def _topic(name: str, *operations: str) -> tuple[Rule, ...]:
    return tuple(Rule(Kind.TOPIC, name, operation) for operation in operations)


def _id(name: str, *, prefixed: bool = False) -> Rule:
    return Rule(Kind.TRANSACTIONAL_ID, name, "Write", prefixed)


def _producing() -> tuple[Rule, ...]:
    return (
        *_topic(RAW.name, "Write"),
        *_topic(POSITIONS.name, "Read", "Write"),
        Rule(Kind.GROUP, POSITIONS_GROUP, "Describe"),
    )


def of_source(source: str) -> tuple[Rule, ...]:
    """A producer of one source."""
    return (*_producing(), _id(source), _id(source + CHECK))


def of_files(host: str) -> tuple[Rule, ...]:
    """A producer of files on this host."""
    return (*_producing(), _id(f"file:{host}:", prefixed=True))


def of_producer(settings: Settings) -> tuple[Rule, ...]:
    """Every producer on this host: its journal, directories of journals, its files."""
    host = settings.producer.host
    return (
        *_producing(),
        _id(f"journal:{host}"),
        _id(f"journal:{host}{CHECK}"),
        _id(f"journal:{host}:", prefixed=True),
        _id(f"file:{host}:", prefixed=True),
    )


def of_processor(settings: Settings) -> tuple[Rule, ...]:
    """It reads lines and writes facts and dead letters."""
    return (
        *_topic(RAW.name, "Read"),
        *_topic(DELIVERIES.name, "Write"),
        *_topic(DEAD.name, "Write"),
        Rule(Kind.GROUP, settings.processor.group, "Read"),
    )


def of_sink(settings: Settings) -> tuple[Rule, ...]:
    """It reads facts and writes dead letters."""
    return (
        *_topic(DELIVERIES.name, "Read"),
        *_topic(DEAD.name, "Write"),
        Rule(Kind.GROUP, settings.sink.group, "Read"),
    )


def of_status(settings: Settings) -> tuple[Rule, ...]:
    """`posttrail status`: what waits before each stage, and who works on it."""
    return (
        *_topic(RAW.name, "Read"),
        *_topic(DELIVERIES.name, "Read"),
        *(_topic(topic.name, "Describe")[0] for topic in ALL if topic not in (RAW, DELIVERIES)),
        Rule(Kind.GROUP, LAG_GROUP, "Describe", prefixed=True),
        Rule(Kind.GROUP, settings.processor.group, "Describe"),
        Rule(Kind.GROUP, settings.sink.group, "Describe"),
    )


def of_dead(settings: Settings) -> tuple[Rule, ...]:  # noqa: ARG001  # as the others
    """`posttrail dead`, and `--retry`."""
    return (
        *_topic(DEAD.name, "Read", "Write"),
        *_topic(DELIVERIES.name, "Write"),
        Rule(Kind.GROUP, DEAD_GROUP, "Read"),
        _id(DEAD_GROUP),
    )


def of_replay(settings: Settings) -> tuple[Rule, ...]:
    """`posttrail replay` and the raw lines of `posttrail trace`; also waits as `status` does."""
    return (*of_status(settings), Rule(Kind.GROUP, REPLAY_GROUP, "Describe"))


def of_events(settings: Settings) -> tuple[Rule, ...]:  # noqa: ARG001  # as the others
    """`posttrail events`: it writes states."""
    return (*_topic(EVENTS.name, "Write"), _id(EVENTS_ID), _id(EVENTS_ID + CHECK))


def of_webhooks(settings: Settings) -> tuple[Rule, ...]:
    """`posttrail webhooks`: a group for each target."""
    groups = [settings.webhooks.group_of(target) for target in settings.webhooks.targets]
    return (
        *_topic(EVENTS.name, "Read"),
        *_topic(DEAD.name, "Write"),
        *(Rule(Kind.GROUP, group, "Read") for group in groups),
    )


def of_topics(settings: Settings) -> tuple[Rule, ...]:  # noqa: ARG001  # as the others
    """`posttrail topics`, which makes them."""
    return tuple(
        rule
        for topic in ALL
        for rule in _topic(topic.name, "Create", "Describe", "DescribeConfigs")
    )


PARTS: Mapping[str, Callable[[Settings], tuple[Rule, ...]]] = {
    "producer": of_producer,
    "processor": of_processor,
    "sink": of_sink,
    "status": of_status,
    "replay": of_replay,
    "dead": of_dead,
    "events": of_events,
    "webhooks": of_webhooks,
    "topics": of_topics,
}
"""All parts that may have a user of their own."""


def add_command(rules: Iterable[Rule], principal: str, prefix: str) -> str:
    """The command that allows rules which are about one name."""
    first, *_ = rules = tuple(rules)
    operations = " ".join(f"--operation {rule.operation}" for rule in rules)
    pattern = " --resource-pattern-type prefixed" if first.prefixed else ""
    return (
        f"--add --allow-principal {quote(principal)} {operations} "
        f"--{first.kind} {quote(prefix + first.name)}{pattern}"
    )


def commands(rules: Iterable[Rule], principal: str, prefix: str) -> list[str]:
    """What kafka-acls.sh must be called with, one for each name."""
    by_name = groupby(sorted(rules), key=lambda rule: (rule.kind, rule.name, rule.prefixed))
    return [add_command(found, principal, prefix) for _, found in by_name]
