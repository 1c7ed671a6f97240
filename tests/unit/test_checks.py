from typing import NoReturn

from posttrail.checks import Check, State, Step, run
from posttrail.errors import BadInput, Exit, NotReady


def fails() -> NoReturn:
    raise NotReady("topic x does not exist: make it")


def fails_otherwise() -> NoReturn:
    raise BadInput("may not read /x")


def test_what_was_found_is_told() -> None:
    report = run([Step("kafka", lambda: "192.0.2.1:9092")])

    assert report.checks == (Check("kafka", State.OK, "192.0.2.1:9092"),)
    assert report.exit_code is Exit.OK


def test_a_failure_says_the_cure_and_names_its_exit_code() -> None:
    report = run([Step("topics", fails)])

    (found,) = report.checks
    assert found == Check("topics", State.FAILED, "topic x does not exist: make it", Exit.NOT_READY)


def test_a_failure_does_not_end_the_other_checks() -> None:
    report = run([Step("topics", fails), Step("file", lambda: "readable")])

    assert [found.state for found in report.checks] == [State.FAILED, State.OK]


def test_what_needs_a_failed_thing_is_not_looked_at() -> None:
    report = run([Step("topics", fails), Step("rights", lambda: "all", needs=("topics",))])

    assert report.checks[1].state is State.SKIPPED
    assert "topics" in report.checks[1].detail


def test_what_needs_a_skipped_thing_is_skipped_too() -> None:
    steps = [
        Step("kafka", fails),
        Step("topics", lambda: "", needs=("kafka",)),
        Step("rights", lambda: "", needs=("topics",)),
    ]

    assert [found.state for found in run(steps).checks][1:] == [State.SKIPPED, State.SKIPPED]


def test_the_first_failure_gives_the_exit_code() -> None:
    report = run([Step("kafka", lambda: ""), Step("topics", fails), Step("file", fails_otherwise)])

    assert report.exit_code is Exit.NOT_READY
