"""How far each partition of `maillog.raw` is done: what may be committed, and what was left out.

Faust's own book-keeping commits past messages that nobody processed: it fills gaps with offsets
that are still in hand, and acknowledges messages that it skips during a rebalance
(faust/transport/consumer.py `_new_offset`, faust/streams.py `__aiter__`). So posttrail keeps its
own: a batch says which stretch of the partition it covers, and an offset counts as done only when
everything before it was handed on. Pure; knows neither Faust nor Kafka's clients.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

import msgspec

from posttrail.errors import Retry

Partition: TypeAlias = tuple[str, int]
"""(topic, partition)."""


class RawRecord(Protocol):
    """What posttrail reads of a consumer's record."""

    @property
    def offset(self) -> int:
        """Where the record stands in its partition."""

    @property
    def key(self) -> bytes | None:
        """The host, when our producers wrote it."""

    @property
    def value(self) -> bytes | None:
        """The line."""

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since 1970 UTC, as the producer or the broker stamped it."""


class Batch(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What one poll took from one partition: every committed record from `start` up to `end`."""

    partition: Partition
    start: int
    end: int
    """The offset after the last record."""
    records: Sequence[RawRecord]
    epoch: int = 0
    """Of the progress when it was taken."""
    is_lost: bool = False
    """No record is left of it: Kafka had dropped them before they could be read."""

    def __repr__(self) -> str:
        """Libraries log messages; a log line must never carry lines of mail."""
        return f"Batch({self.partition}, {self.start}, {self.end})"


class State(msgspec.Struct, frozen=True):
    """One partition, for those who watch."""

    taken: int | None
    """The offset after the last record taken; None before the first, with nothing committed."""
    done: int | None
    """Everything before it was handed on."""


class Progress:
    """The partitions assigned to this worker."""

    def __init__(self) -> None:
        self.epoch = 0
        """Grows whenever positions are set anew: what was fetched before is then stale."""
        self.joined = False
        """Whether the group has given this worker its partitions, be it none, at least once."""
        self._taken: dict[Partition, int | None] = {}
        self._done: dict[Partition, int | None] = {}
        self._committed: dict[Partition, int] = {}

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """A rebalance is over; positions follow by `sought`."""
        kept = set(partitions)
        self.joined = True
        for book in (self._taken, self._done, self._committed):
            for partition in set(book) - kept:
                del book[partition]

    def sought(self, committed: Mapping[Partition, int | None], epoch: int) -> None:
        """Every assigned partition is read anew from its committed offset; None: there is none."""
        self.epoch = epoch
        self._taken = dict(committed)
        self._done = dict(committed)
        self._committed = {one: at for one, at in committed.items() if at is not None}

    def take(
        self,
        fetched: Mapping[Partition, Sequence[RawRecord]],
        positions: Mapping[Partition, int | None],
        epoch: int,
        lost: Mapping[Partition, tuple[int, int]] = MappingProxyType({}),
    ) -> dict[Partition, list[Batch]]:
        """One batch for each partition of a poll; none of a poll that was before a `sought`.

        `positions` are the offsets at which the next poll begins, as of the same moment: they also
        pass over aborted records and transaction markers, which no poll returns. `lost` are the
        offsets, from and to, that were gone before the poll's first record: a batch of their own.

        Raises:
            Retry: the poll is of an epoch that is not known yet.
        """
        if epoch > self.epoch:
            raise Retry(f"a poll of epoch {epoch} came before the word that it began")
        if epoch < self.epoch:
            return {}
        batches: dict[Partition, list[Batch]] = {}
        for partition in self._taken:
            found = [self._lose(partition, *lost[partition])] if partition in lost else []
            if records := fetched.get(partition):
                found.append(self._take(partition, records, positions.get(partition)))
            else:
                self._pass_over(partition, positions.get(partition))
            if found:
                batches[partition] = found
        return batches

    def _lose(self, partition: Partition, start: int, end: int) -> Batch:
        taken = self._taken[partition]
        if taken is None:
            taken = self._done[partition] = start
        self._taken[partition] = end
        return Batch(partition, min(taken, start), end, (), self.epoch, is_lost=True)

    def _take(
        self, partition: Partition, records: Sequence[RawRecord], position: int | None
    ) -> Batch:
        first, end = records[0].offset, max(records[-1].offset + 1, position or 0)
        taken = self._taken[partition]
        if taken is None:
            taken = self._done[partition] = first
        self._taken[partition] = end
        return Batch(partition, min(taken, first), end, records, self.epoch)

    def _pass_over(self, partition: Partition, position: int | None) -> None:
        """Nothing stands before `position` that is not taken."""
        taken = self._taken[partition]
        if position is not None and self._done[partition] == taken and position > (taken or 0):
            self._taken[partition] = self._done[partition] = position

    def delivered(self, batch: Batch) -> None:
        """The broker has everything that came of the batch.

        A batch of before a rebalance may not join up with the offset that was committed last: it
        is read again from there and moves nothing.

        Raises:
            Retry: an earlier batch of the partition was taken and never handed on. Only a new
                start, from the committed offset, reads it again.
        """
        done = self._done.get(batch.partition)
        if done is None:
            return  # the partition is another worker's by now, or is read anew from its beginning
        if batch.start > done:
            if batch.epoch < self.epoch:
                return
            raise Retry(f"offsets {done} to {batch.start} of {batch.partition} were passed over")
        self._done[batch.partition] = max(done, batch.end)

    def uncommitted(self) -> dict[Partition, int]:
        """The offsets to commit."""
        return {
            partition: done
            for partition, done in self._done.items()
            if done is not None and done > self._committed.get(partition, 0)
        }

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """The broker has these offsets."""
        for partition, offset in offsets.items():
            if partition in self._done:
                self._committed[partition] = offset

    def states(self) -> dict[Partition, State]:
        """Every assigned partition; for any thread."""
        taken, done = dict(self._taken), dict(self._done)
        return {one: State(at, done.get(one)) for one, at in taken.items()}
