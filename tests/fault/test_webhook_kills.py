"""kill -9 of a webhook worker at random moments: each event arrives, and what repeats is known."""

import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from posttrail import config, lag
from posttrail.config import Settings
from posttrail.delivery_events import DeliveryEvent, Row, decode_event, encode_event, key
from posttrail.topics import EVENTS, partition_for
from tests.program import PROGRAM, environment
from tests.waiting import eventually
from tests.webhook_world import BORN, Received, Receiver, receiving, settings_for, target

pytestmark = pytest.mark.kafka

NAMES = ("shop", "crm", "desk")
MAILS, STATES = 80, 4
KILLS = 2
AWAY = 0.05
"""Share of requests that a target does not take: kills fall into pauses between two tries, too."""


def states() -> list[DeliveryEvent]:
    """Of each mail some states, told apart by their size, oldest first."""
    return [
        DeliveryEvent(
            version=1, host="mx1", instance="postfix", queue_id=f"4Q{mail:04}", born=BORN, t=BORN,
            status="queued", sender="alice@example.com", size=state,
        )
        for state in range(STATES) for mail in range(MAILS)
    ]  # fmt: skip


def publish(settings: Settings, events: Sequence[DeliveryEvent]) -> dict[tuple[int, int], bytes]:
    """Spread over all partitions; the value at each place."""
    producer = Producer({"bootstrap.servers": config.bootstrap(settings)})
    placed: dict[tuple[int, int], bytes] = {}

    def arrived(_error: Any, message: Any) -> None:
        placed[message.partition(), message.offset()] = message.value()

    for event in events:
        name = key(Row("mx1", "postfix", event.queue_id, 1))
        producer.produce(
            EVENTS.full_name(settings.kafka.prefix), encode_event(event), name,
            partition_for(name, EVENTS.partitions), on_delivery=arrived,
        )  # fmt: skip
    assert producer.flush(20) == 0
    return placed


@contextmanager
def worker(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """`posttrail webhooks`, killed at the end of the block."""
    env = environment(
        KAFKA__BOOTSTRAP=settings.kafka.bootstrap,
        KAFKA__PREFIX=settings.kafka.prefix,
        WEBHOOKS__TARGETS=json.dumps(
            [
                {**each.model_dump(mode="json"), "secret": each.secret.get_secret_value()}
                for each in settings.webhooks.targets
            ]
        ),
        WEBHOOKS__LONGEST_PAUSE_SECONDS="0.2",
        WEBHOOKS__TRIES="100",
    )
    with subprocess.Popen([*PROGRAM, "webhooks"], env=env, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def committed(settings: Settings, name: str) -> dict[int, int]:
    """Where the target stands, by partition."""
    group = f"{settings.kafka.prefix}{settings.webhooks.group}-{name}"
    topic = EVENTS.full_name(settings.kafka.prefix)
    return lag.committed(settings, group, topic, EVENTS.partitions)


class Death(NamedTuple):
    """What is known of a target when its worker is killed."""

    received: int
    """Requests until then."""
    settled: set[bytes]
    """Events behind which its offsets had moved."""


def kill_at_random(
    settings: Settings, receiver: Receiver, placed: dict[tuple[int, int], bytes], more: int
) -> dict[str, Death]:
    """Let a worker work until something is committed and so many requests more have come."""
    with worker(settings) as process:
        eventually(lambda: any(committed(settings, name) for name in NAMES), 60)
        goal = len(receiver.received) + more
        eventually(lambda: len(receiver.received) >= min(goal, len(NAMES) * MAILS * STATES), 60)
        process.kill()
        process.wait(10)
    return {name: _death(settings, receiver, placed, name) for name in NAMES}


def _death(
    settings: Settings, receiver: Receiver, placed: dict[tuple[int, int], bytes], name: str
) -> Death:
    stands = committed(settings, name)
    settled = {value for (part, at), value in placed.items() if at < stands.get(part, 0)}
    return Death(len(receiver.at(f"/{name}")), settled)


def has_all(receiver: Receiver, events: Sequence[DeliveryEvent]) -> bool:
    wanted = {encode_event(event) for event in events}
    return all({one.body for one in receiver.taken(f"/{name}")} == wanted for name in NAMES)


def first_times(found: Sequence[Received]) -> dict[str, list[int | None]]:
    """By mail its states, in the order in which each came for the first time."""
    seen: dict[str, list[int | None]] = {}
    for body in dict.fromkeys(one.body for one in found):
        event = decode_event(body)
        seen.setdefault(event.queue_id, []).append(event.size)
    return seen


def test_events_survive_kills_of_their_worker(kafka: str, prefix: str) -> None:
    dice = random.Random(7)
    answers = {
        f"/{name}": [503 if dice.random() < AWAY else 200 for _ in range(MAILS * STATES)] + [200]
        for name in NAMES
    }
    with receiving(answers) as receiver:
        settings = settings_for(
            kafka, prefix,
            *(target(name, f"{receiver.url}/{name}", "example.com") for name in NAMES),
        )  # fmt: skip
        sent = states()
        placed = publish(settings, sent)
        deaths = [
            kill_at_random(settings, receiver, placed, dice.randint(1, 150)) for _ in range(KILLS)
        ]
        with worker(settings):
            eventually(lambda: has_all(receiver, sent), 60)

    assert all(one.is_signed() for one in receiver.received)
    for name in NAMES:
        found, taken = receiver.at(f"/{name}"), receiver.taken(f"/{name}")
        ids = {(one.headers["X-Posttrail-Delivery"], one.body) for one in found}
        assert len(ids) == len(sent), "a repeat has the id of the first"
        assert all(order == [*range(STATES)] for order in first_times(taken).values())
        for death in (each[name] for each in deaths):
            again = {one.body for one in found[death.received :]}
            assert not again & death.settled, "only what its offsets had not passed comes again"
    assert any(one.settled for one in deaths[0].values())
