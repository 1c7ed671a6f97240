"""How a daemon's formats are written down and found: the little language of the other modules.

A format is a start of the message and a function that reads the message or says that it is none of
its own. Formats are tried in the order in which they are listed, filed under their first letters.
"""

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

Makes: TypeAlias = Literal["from", "to", "noqueue", "gap", "nothing"]
"""Which fact a line becomes; `nothing`: the line is known and no table needs it."""

Fields: TypeAlias = dict[str, str]
"""What a line says, as text, under the names of posttrail.records; absent when not said."""

Reading: TypeAlias = tuple[str, Makes, Fields]
"""The action, what it makes, the fields."""

Read: TypeAlias = Callable[[str], Reading | None]
"""Reads a message; None: another format."""

_LETTERS = 3


class Format(msgspec.Struct, frozen=True):
    """One format of a daemon."""

    starts: str
    """How the message starts; empty: any way."""
    read: Read


Table: TypeAlias = dict[str, tuple[Read, ...]]
"""Formats under the first letters of the message; under the empty text those of any start."""


class Component(msgspec.Struct, frozen=True):
    """All formats of one daemon, by what stands in front of them."""

    queued: Table
    """`QID: `."""
    noqueue: Table
    """`NOQUEUE: `."""
    plain: Table
    """Neither."""


def table(*formats: Format) -> Table:
    """File formats so that one look-up finds the few that a message can have."""
    keys = {form.starts[:_LETTERS] for form in formats if len(form.starts) >= _LETTERS}
    return {
        key: tuple(
            form.read
            for form in formats
            if key[: len(form.starts)] == form.starts[: len(key)] or not form.starts
        )
        for key in (*keys, "")
    } | {"": tuple(form.read for form in formats if len(form.starts) < _LETTERS)}


def find(formats: Table, message: str) -> Reading | None:
    """Read a message by the first format that is its own; None: no format is."""
    for read in formats.get(message[:_LETTERS]) or formats[""]:
        if (reading := read(message)) is not None:
            return reading
    return None


def known(action: str, starts: str, rest: str = ".*") -> Format:
    """A format that no table needs, recognised by its shape: `starts`, then the pattern `rest`."""
    matches = re.compile(re.escape(starts) + rest, re.DOTALL).fullmatch
    reading: Reading = (action, "nothing", {})
    return Format(starts, lambda message: reading if matches(message) else None)


def said(found: re.Match[str]) -> Fields:
    """The named groups of a pattern that took part."""
    return {name: text for name, text in found.groupdict().items() if text is not None}


def says(action: str, makes: Makes, starts: str, rest: str, /, **always: str) -> Format:
    """A format whose pattern names its fields; `always` are fields that the format implies."""
    matches = re.compile(re.escape(starts) + rest, re.DOTALL).fullmatch

    def read(message: str) -> Reading | None:
        if (found := matches(message)) is None:
            return None
        return action, makes, said(found) | always

    return Format(starts, read)
