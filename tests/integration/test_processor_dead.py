"""`posttrail dead` on a real Kafka: listed by shape, tried again, never sent twice."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from posttrail_processors.reading import Reader, outgoing_letter, reader_of
from posttrail_processors.retry import retry

from posttrail import config, topics
from posttrail.config import Processor, Settings
from posttrail.dead_letters import DeadLetter
from posttrail.records import FromFact, Origin, encode_fact
from tests.processor_world import PROGRAM, World

pytestmark = pytest.mark.kafka

REMOVED = b"2026-11-23T11:07:06+00:00 mx1 postfix/qmgr[2]: 4B1C2D3E4F: removed"
STRANGE = b"2026-11-23T11:07:06+00:00 mx1 postfix/qmgr[2]: 4B1C2D3E4F: strange"
FACT = FromFact(
    t=1, host="mx1", instance="postfix", component="qmgr", queue_id="4B1C2D3E4F", origin=(1, 1)
)


def letter(value: bytes, origin: Origin, **more: Any) -> DeadLetter:
    given = {"stage": "process", "reason": "old words", "received": 1_795_000_000_000, **more}
    return DeadLetter(value=value, key=b"mx1", topic="maillog.raw", origin=origin, **given)


@pytest.fixture
def world(kafka: str, prefix: str) -> World:
    """With a line that is understood by now, two that are not, and a fact of a sink."""
    world = World(kafka, prefix)
    produce(
        world,
        letter(REMOVED, (2, 40)),
        letter(STRANGE, (2, 41)),
        letter(STRANGE, (3, 7)),
        letter(encode_fact(FACT), (0, 9), stage="sink"),
    )
    return world


def produce(world: World, *letters: DeadLetter) -> None:
    producer = Producer({"bootstrap.servers": world.bootstrap})
    for one in letters:
        key, value, headers, received = outgoing_letter(one)
        producer.produce(
            topics.DEAD.full_name(world.prefix),
            value,
            key,
            headers=headers,
            timestamp=received or 0,
        )
    assert producer.flush(20) == 0


@pytest.fixture
def settings(world: World) -> Settings:
    return config.load(kafka={"bootstrap": world.bootstrap, "prefix": world.prefix})


READER = reader_of(Processor())


def ask(world: World, *arguments: str) -> Any:
    """What `posttrail dead` answers."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "dead", "--json", *arguments],
        env=world.environment(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return msgspec.json.decode(done.stdout)


def test_dead_letters_are_listed_by_shape_without_addresses(world: World) -> None:
    answer = ask(world)

    assert answer["total"] == 4
    first = answer["groups"][0]
    assert (first["count"], first["shape"]) == (2, "postfix/qmgr: N: strange")
    assert first["reason"] == "old words"
    assert "example" not in first


def test_an_example_is_shown_when_asked_for(world: World) -> None:
    assert ask(world, "--show")["groups"][0]["example"] == STRANGE.decode()


def test_a_retry_sends_facts_with_their_first_origin(world: World, settings: Settings) -> None:
    outcome = retry(settings, READER)

    assert (outcome.letters, outcome.understood, outcome.still_dead) == (4, 1, 2)
    assert (outcome.facts, outcome.sent_again) == (1, 1)
    origins = {fact.origin for fact in world.seen().facts}
    assert origins == {(2, 40), FACT.origin}


def test_a_second_retry_sends_nothing_twice(world: World, settings: Settings) -> None:
    retry(settings, READER)

    outcome = retry(settings, READER)

    assert (outcome.letters, outcome.still_dead, outcome.facts) == (2, 2, 0)
    assert len(world.seen().facts) == 2


def test_what_is_still_dead_stays_with_todays_reason(world: World, settings: Settings) -> None:
    retry(settings, READER)

    answer = ask(world)

    assert answer["total"] == 2
    assert answer["groups"][0]["reason"] != "old words"
    stayed = world.seen().letters[-2:]
    assert {one.origin for one in stayed} == {(2, 41), (3, 7)}
    assert {one.received for one in stayed} == {1_795_000_000_000}


def test_an_event_that_a_webhook_s_target_refused_stays_as_it_is(
    world: World, settings: Settings
) -> None:
    """Its state may be an old one by now: nobody sends it again."""
    produce(world, refused := letter(b'{"version":1}', (4, 2), stage="webhook"))

    outcome = retry(settings, READER)

    assert (outcome.letters, outcome.still_dead, outcome.sent_again) == (5, 3, 1)
    assert world.seen().letters[-1] == refused
    assert "a delivery event" in {group["shape"] for group in ask(world)["groups"]}


def test_a_retry_that_breaks_off_has_done_nothing(world: World, settings: Settings) -> None:
    class BreakOffError(BaseException):
        """As if the program was ended."""

    def breaks_off(line: bytes, origin: Origin, received: int | None) -> Any:
        if origin == (3, 7):
            raise BreakOffError
        return READER(line, origin, received)

    reader: Reader = breaks_off
    with pytest.raises(BreakOffError):
        retry(settings, reader)

    assert world.seen().facts == []
    assert retry(settings, READER).letters == 4


def test_a_missing_topic_is_said_plainly(kafka: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "dead"],
        env=World(kafka, "no-such-prefix.").environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 6
    assert "posttrail topics" in done.stderr
