"""What a replay found: which rows would come, change or go. Pure."""

from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["added", "changed", "vanished"]


class Change(msgspec.Struct, frozen=True):
    """One row as an example."""

    kind: Kind
    key: dict[str, Any]
    """The columns that tell the row from all others."""
    columns: dict[str, tuple[Any, Any]]
    """Column -> (old, new); of a row that comes or goes, the columns that are not null."""


class TableChanges(msgspec.Struct, frozen=True):
    """What differs in one table."""

    added: int
    changed: int
    vanished: int
    columns: dict[str, int]
    """How many changed rows differ in which column."""
    examples: list[Change]

    @property
    def total(self) -> int:
        """Rows that differ."""
        return self.added + self.changed + self.vanished


class Report(msgspec.Struct, frozen=True):
    """What a replay found, and whether it was done."""

    lines: int
    """Lines in the window."""
    facts: int
    """Facts that they give with today's parser."""
    out_of_reach: int
    """Mails left alone, for lines of theirs are no longer in the topic or too far back."""
    moving: int
    """Rows left alone, for lines of their mails came meanwhile."""
    tables: dict[str, TableChanges]
    swapped: bool

    @property
    def total(self) -> int:
        """Rows that differ, in all tables."""
        return sum(changes.total for changes in self.tables.values())


def change(
    kind: Kind, keys: tuple[str, ...], old: dict[str, Any] | None, new: dict[str, Any] | None
) -> Change:
    """An example from the row that stands and the row that would."""
    before, after = old or {}, new or {}
    named = before or after
    differing = {
        name: (before.get(name), after.get(name))
        for name in named
        if name not in keys and before.get(name) != after.get(name)
    }
    return Change(kind, {name: named[name] for name in keys}, differing)
