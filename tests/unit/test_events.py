"""The events that people are told to look at are the ones that the code logs."""

import ast
from collections.abc import Iterator

from posttrail.events import EVENTS
from tests.unit.test_code_shape import MODULES

LEVELS = ("warning", "error", "critical", "exception")


def logged() -> Iterator[tuple[str, str]]:
    """Name and level of every event in the code that is more than information."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in LEVELS and node.args:
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}: an event's name is a plain text"
                yield str(name.value), node.func.attr


def test_every_event_is_listed_with_its_level_and_none_is_listed_in_vain() -> None:
    listed = {(event.name, event.level) for event in EVENTS}

    assert set(logged()) == listed, "posttrail/events.py lists them; then `make docs`"


def test_every_event_is_listed_once_and_explained() -> None:
    names = [event.name for event in EVENTS]

    assert len(names) == len(set(names))
    assert all(event.meaning.endswith(".") for event in EVENTS)
