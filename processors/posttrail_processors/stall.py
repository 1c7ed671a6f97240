"""When is a worker stalled: lines wait for it and for too long it has taken none. Pure; no clock.

Faust's consumers are known to stay alive and fetch nothing; a loop that is blocked or a group that
never settles looks the same from here.
"""

from collections.abc import Mapping

import msgspec

from posttrail_processors.progress import Partition


class Mark(msgspec.Struct, frozen=True):
    """One partition at one moment."""

    end: int
    """The offset after the last record that can be read."""
    position: int | None = None
    """The offset that the next fetch begins at; it also passes over aborted records."""
    taken: int | None = None
    done: int | None = None

    @property
    def in_hand(self) -> bool:
        """Whether records were taken that are not done."""
        return self.taken is not None and self.taken > (self.done or 0)

    @property
    def waits(self) -> bool:
        """Whether there is work for the worker."""
        return self.in_hand or self.end > (self.position or 0)

    @property
    def lag(self) -> int:
        """Records that are not done yet."""
        reached = self.done if self.in_hand else self.position
        return max(0, self.end - (reached or 0))


class Stall:
    """Remembers since when each partition has stood still."""

    def __init__(self, limit: float) -> None:
        """`limit` in seconds."""
        self._limit = limit
        self._since: dict[Partition, tuple[float, int | None, int | None]] = {}

    def seen(self, now: float, marks: Mapping[Partition, Mark]) -> list[Partition]:
        """The partitions that have stood still for longer than the limit, with work waiting.

        Call `forget` while the broker cannot be asked: then nobody can take anything.
        """
        standing = {}
        for partition, mark in marks.items():
            if mark.waits:
                since, position, done = self._since.get(partition, (now, mark.position, mark.done))
                moved = (position, done) != (mark.position, mark.done)
                standing[partition] = (now if moved else since, mark.position, mark.done)
        self._since = standing
        return [one for one, (since, *_) in standing.items() if now - since >= self._limit]

    def forget(self) -> None:
        """Begin anew."""
        self._since.clear()
