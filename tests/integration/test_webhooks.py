"""Webhooks on a real Kafka, taken by a real HTTP server on loopback."""

import json

import pytest

from posttrail.delivery_events import encode_event
from posttrail.topics import EVENTS
from tests.waiting import eventually
from tests.webhook_world import (
    delivering,
    letters,
    publish,
    receiving,
    sent_by,
    settings_for,
    target,
)

pytestmark = pytest.mark.kafka


def test_events_of_a_domain_are_posted_signed_and_nobody_else_s(kafka: str, prefix: str) -> None:
    with receiving({"/": [200]}) as receiver:
        settings = settings_for(
            kafka, prefix, target("shop", receiver.url, "Example.com", "example.org")
        )
        ours = [sent_by("a@example.com", 1), sent_by("b@EXAMPLE.ORG", 2)]
        publish(settings, [*ours, sent_by("c@sub.example.com", 3), sent_by(None, 4), None])
        publish(settings, [sent_by("", 5), sent_by("example.com", 6), sent_by("z@example.com", 7)])
        with delivering(settings):
            eventually(lambda: len(receiver.received) >= 3)

    assert sorted(json.loads(one.body)["queue_id"] for one in receiver.received) == [
        "4Q1", "4Q2", "4Q7",
    ]  # fmt: skip
    assert encode_event(ours[0]) in {one.body for one in receiver.received}
    assert all(one.is_signed() for one in receiver.received)
    assert len({one.headers["X-Posttrail-Delivery"] for one in receiver.received}) == 3


def test_a_target_that_is_away_or_refuses_holds_up_nobody(kafka: str, prefix: str) -> None:
    """One is away for good, one for a while, one wants nothing: each goes its own way."""
    answers = {"/good": [204], "/busy": [503, 429, 200], "/gone": [410], "/moved": [302]}
    with receiving(answers) as receiver, receiving({}) as closed:
        closed.close()
        settings = settings_for(
            kafka, prefix,
            target("good", f"{receiver.url}/good", "example.com"),
            target("busy", f"{receiver.url}/busy", "example.com"),
            target("gone", f"{receiver.url}/gone", "example.com"),
            target("moved", f"{receiver.url}/moved", "example.com"),
            target("away", closed.url, "example.com"),
        )  # fmt: skip
        events = [sent_by("a@example.com", number) for number in range(3)]
        publish(settings, events)
        with delivering(settings) as worker:
            eventually(lambda: len(letters(settings)) >= 9)
            eventually(lambda: worker.health().detail["taken"]["good"] == 3)
            eventually(lambda: worker.health().detail["taken"]["busy"] == 3)

    busy = receiver.at("/busy")
    assert len(busy) == 5
    assert len({one.headers["X-Posttrail-Delivery"] for one in busy}) == 3, "a try is no new event"
    assert len(receiver.at("/gone")) == 3, "a refusal is final"
    assert len(receiver.at("/moved")) == 12, "tried, and never followed"
    assert receiver.at("/elsewhere") == []
    found = letters(settings)
    values = sorted(encode_event(event) for event in events)
    reasons = {"gone": "it answered 410", "moved": "it answered 302", "away": "ConnectError"}
    for name, why in reasons.items():
        of_one = [one for one in found if one.reason.startswith(f"target {name}: {why}")]
        assert sorted(one.value for one in of_one) == values
    assert {(one.stage, one.topic) for one in found} == {("webhook", EVENTS.full_name(prefix))}


def test_what_was_not_taken_when_a_worker_ended_is_delivered_by_the_next(
    kafka: str, prefix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = {"/": [503]}
    with receiving(answers) as receiver:
        settings = settings_for(
            kafka, prefix, target("shop", f"{receiver.url}/", "example.com"), tries=1000
        )
        events = [sent_by("alice@example.com", number) for number in range(4)]
        publish(settings, events)
        with delivering(settings):
            eventually(lambda: len(receiver.received) >= 2)
        answers["/"] = [200]
        before = len(receiver.received)
        with delivering(settings) as worker:
            eventually(lambda: worker.health().detail["taken"]["shop"] == len(events))

    values = {one.body for one in receiver.received[before:]}
    assert values == {encode_event(event) for event in events}
    assert letters(settings) == []
    said = "".join(capfd.readouterr())
    assert "a target does not take events" in said
    assert "alice" not in said
    assert settings.webhooks.targets[0].secret.get_secret_value() not in said
