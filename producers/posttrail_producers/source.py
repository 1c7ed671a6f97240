"""What a source of lines is to the publisher: batches of records, each with the position after it.

Knows no file, no journal and no Kafka client.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import msgspec

Record: TypeAlias = tuple[bytes, bytes]
"""Key and value on `maillog.raw`: the host, and one line in canonical form."""


class Batch(msgspec.Struct, frozen=True):
    """Lines in order, and where the source stands after the last of them."""

    records: list[Record] = []
    positions: Mapping[str, bytes] = {}
    """Records of `maillog.positions`: key -> value. They are committed together with the lines."""
    commit: bool = False
    """The source asks for a commit right after this batch."""

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return sum([len(value) for _, value in self.records])  # a list is quicker


class Source(Protocol):
    """Where lines come from. One thread calls all of it."""

    @property
    def id(self) -> str:
        """Name of the source: one producer at a time may hold it, a newer one fences the older."""
        ...

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """Stand where the last commit left off.

        Called at the start and again after every lost transaction, with all that stands in
        `maillog.positions`; whatever was read since is read again.
        """
        ...

    def read(self, most: int) -> Batch:
        """What is there now, at most so many lines; an empty batch: nothing new. Never blocks."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when there may be something new, at the latest after so many seconds."""
        ...

    @property
    def finished(self) -> bool:
        """Nothing will ever come after what was read."""
        ...
