"""Looks at what a stage needs before it starts: one result per thing, in words for a person.

Knows neither servers nor stages: a step is a name and a function that raises what is wrong.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from posttrail.errors import Exit, PosttrailError


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Something that it needs failed before."""


class Step(msgspec.Struct, frozen=True):
    """One thing to look at."""

    name: str
    look: Callable[[], str]
    """Says what was found; raises PosttrailError with the cure."""
    needs: tuple[str, ...] = ()
    """Names of steps without which this one cannot be looked at."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    """One line; of a failure it says the cure."""
    exit_code: Exit = Exit.OK


class Report(msgspec.Struct, frozen=True):
    """All checks of one run."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> Exit:
        """The code of the first failure: what comes after may follow from it."""
        failed = (check.exit_code for check in self.checks if check.state is State.FAILED)
        return next(failed, Exit.OK)


def run(steps: Iterable[Step]) -> Report:
    """Look at everything; a failure ends only what needs it."""
    done: dict[str, Check] = {}
    for step in steps:
        done[step.name] = _look(step, done)
    return Report(tuple(done.values()))


def _look(step: Step, done: dict[str, Check]) -> Check:
    lacking = [name for name in step.needs if name in done and done[name].state is not State.OK]
    if lacking:
        return Check(step.name, State.SKIPPED, f"not looked at without {', '.join(lacking)}")
    try:
        return Check(step.name, State.OK, step.look())
    except PosttrailError as error:
        return Check(step.name, State.FAILED, str(error), error.exit_code)
