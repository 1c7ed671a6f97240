"""What a sink says while it waits: each trouble once, and once that it is over."""

import pytest
import structlog
from posttrail_sinks.trouble import Trouble

from posttrail.errors import Retry


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def trouble(said: list[str]) -> Trouble:
    def note(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        said.append(f"{event['event']} {event.get('error', '')}".strip())
        raise structlog.DropEvent

    say: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(None, processors=[note])
    return Trouble(say)


def test_a_trouble_is_told_once_and_its_end_once(trouble: Trouble, said: list[str]) -> None:
    for _ in range(3):
        trouble.begins(Retry("disk full"), facts_wait=True)
    trouble.over()
    trouble.over()

    assert said == ["sink waits and tries again disk full", "sink goes on"]


def test_a_new_reason_is_told(trouble: Trouble, said: list[str]) -> None:
    trouble.begins(Retry("refused"))
    trouble.begins(Retry("starting up"))

    assert len(said) == 2


def test_the_many_ways_of_kafkas_silence_are_one(trouble: Trouble, said: list[str]) -> None:
    trouble.begins(Retry("brokers are down"))
    trouble.kafka_is_away = True
    trouble.begins(Retry("no answer"))

    assert len(said) == 1


def test_facts_that_wait_are_not_over_because_servers_answer(trouble: Trouble) -> None:
    trouble.begins(Retry("disk full"), facts_wait=True)
    trouble.servers_answer()

    assert trouble.reason == "disk full"


def test_an_idle_sink_is_well_when_servers_answer(trouble: Trouble, said: list[str]) -> None:
    trouble.begins(Retry("refused"))
    trouble.servers_answer()

    assert trouble.reason is None
    assert said[-1] == "sink goes on"
