"""What dead letters have in common: a line without its particulars. Pure.

A shape names no mail address, no host and no number, so that it may be shown and counted.
"""

import re
from collections.abc import Iterable

import msgspec

from posttrail.dead_letters import DeadLetter, Stage
from posttrail.records import Origin

MOST_BYTES = 2000
"""What is looked at of a line; Postfix writes no longer ones."""
MOST_CHARACTERS = 160

# Postfix's tag; what stands before it is the carrier's business.
_TAG = re.compile(r"(postfix[\w.-]*/[\w/.-]+)\[\d+\]: ")
_TYPE = re.compile(r'"type":"(\w+)"')
# In this order: what stands in quotes or brackets may hold all the rest.
_PARTICULARS = (
    (re.compile(r'"[^"]*"'), '"…"'),
    (re.compile(r"<[^<>]*>"), "<…>"),
    (re.compile(r"\[[^\[\]]*\]"), "[…]"),
    (re.compile(r"[^\s<>,:;=\[\]()]+@[^\s<>,:;=\[\]()]*"), "ADDRESS"),
    (re.compile(r"[\w-]+(?:\.[\w-]+)+"), "NAME"),
    (re.compile(r"[0-9A-Za-z]*\d[0-9A-Za-z]*"), "N"),
)


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """Dead letters of one shape."""

    stage: Stage
    reason: str
    shape: str
    count: int
    first: int | None
    """When Kafka got the first of them, milliseconds since 1970 UTC."""
    last: int | None
    origin: Origin
    """Where one of them stands on the topic that it was read from."""
    versions: tuple[str, ...]
    """The posttrails that gave up."""
    example: bytes = b""
    """That one, as it came."""


def shape(letter: DeadLetter) -> str:
    """The letter's text with placeholders for all that is particular to it."""
    text = letter.value[:MOST_BYTES].decode("utf-8", "replace")
    if letter.stage == "sink":
        found = _TYPE.search(text)
        return f"a fact of type {found[1]}" if found else "not a fact"
    if letter.stage == "webhook":
        return "a delivery event"
    return _line_shape(text)


def _line_shape(text: str) -> str:
    tag = _TAG.search(text)
    rest = text[tag.end() :] if tag else text
    for pattern, placeholder in _PARTICULARS:
        rest = pattern.sub(placeholder, rest)
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in rest)
    return (f"{tag[1]}: {plain}" if tag else plain)[:MOST_CHARACTERS]


def groups(letters: Iterable[DeadLetter]) -> list[Group]:
    """The letters by stage, reason and shape; the largest group first."""
    found: dict[tuple[str, str, str], Group] = {}
    for letter in letters:
        one = _group(letter)
        key = (one.stage, one.reason, one.shape)
        found[key] = _joined(found[key], one) if key in found else one
    return sorted(found.values(), key=lambda group: (-group.count, group.shape))


def _group(letter: DeadLetter) -> Group:
    return Group(
        stage=letter.stage,
        reason=letter.reason,
        shape=shape(letter),
        count=1,
        first=letter.received,
        last=letter.received,
        origin=letter.origin,
        versions=(letter.version,),
        example=letter.value,
    )


def _joined(group: Group, one: Group) -> Group:
    times = [time for time in (group.first, group.last, one.first) if time is not None]
    return msgspec.structs.replace(
        group,
        count=group.count + 1,
        first=min(times, default=None),
        last=max(times, default=None),
        versions=tuple(sorted({*group.versions, *one.versions})),
    )
