"""Offsets that a fetch passed over: markers and aborted records as a rule, lost lines at worst.

Where Kafka has dropped what a worker would read next, by retention or by hand, its consumer goes
on at what is left without a word. Only the broker's first kept offset tells a loss from a marker.
Pure; knows neither Faust nor Kafka's clients.
"""

from collections.abc import Mapping
from typing import NamedTuple

from posttrail_processors.progress import Partition


class Hole(NamedTuple):
    """Offsets of a partition, from `start` to before `end`."""

    start: int
    end: int


class Holes:
    """How far each partition has been fetched, seamlessly."""

    def __init__(self) -> None:
        self._reached: dict[Partition, int] = {}

    def sought(self, committed: Mapping[Partition, int | None]) -> None:
        """Reading begins anew there; with None, at whatever is kept: nothing can be missing."""
        self._reached = {one: at for one, at in committed.items() if at is not None}

    def reached(self, positions: Mapping[Partition, int | None]) -> None:
        """Everything before these positions is read or known to be lost."""
        self._reached |= {one: at for one, at in positions.items() if at is not None}

    def before(
        self, firsts: Mapping[Partition, int], positions: Mapping[Partition, int | None]
    ) -> dict[Partition, Hole]:
        """What lies before a fetch's first records, or before the position where it had none."""
        ends = {**positions, **firsts}
        return {
            partition: Hole(start, end)
            for partition, start in self._reached.items()
            if (end := ends.get(partition)) is not None and end > start
        }


def lost(
    holes: Mapping[Partition, Hole], beginnings: Mapping[Partition, int]
) -> dict[Partition, Hole]:
    """The part of each hole that the broker no longer keeps; `beginnings`: what it still keeps."""
    return {
        partition: Hole(hole.start, min(hole.end, beginnings[partition]))
        for partition, hole in holes.items()
        if beginnings[partition] > hole.start
    }
