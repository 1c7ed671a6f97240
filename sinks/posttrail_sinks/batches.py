"""Records of `maillog.deliveries` on their way into one transaction.

Pure: knows no client and no database. What it keeps is bounded by the caller, who adds no more
records than a batch may have.
"""

from collections.abc import Collection, Iterable
from typing import Protocol

import msgspec

from posttrail.records import AnyFact, decode_fact
from posttrail_sinks.offsets import Claim, Span


class Message(Protocol):
    """What is asked of a record; confluent_kafka.Message is one."""

    def partition(self) -> int | None: ...  # noqa: D102
    def offset(self) -> int | None: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]: ...  # noqa: D102


class Refused(msgspec.Struct, frozen=True):
    """A record that cannot become a row, and why."""

    message: Message
    reason: str


class Batch(msgspec.Struct, frozen=True):
    """What one transaction lands: facts, beside each the record it came from."""

    facts: list[AnyFact]
    messages: list[Message]
    undecodable: list[Refused]
    spans: tuple[Span, ...]
    """What the transaction moves the offsets over, undecodable records included."""


class Collector:
    """Gathers records of claimed partitions, in order, and cuts them into batches."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._positions: dict[int, int] = {}
        self._facts: list[AnyFact] = []
        self._messages: list[Message] = []
        self._undecodable: list[Refused] = []

    def __len__(self) -> int:
        return len(self._facts) + len(self._undecodable)

    @property
    def positions(self) -> dict[int, int]:
        """The offset after the last record taken, for every claimed partition."""
        return dict(self._positions)

    @property
    def claims(self) -> dict[int, int]:
        """The epoch of every claimed partition."""
        return dict(self._epochs)

    def claimed(self, claims: Iterable[Claim]) -> None:
        """From now on take records of these partitions, from where the claims stand."""
        for claim in claims:
            self._epochs[claim.partition] = claim.epoch
            self._starts[claim.partition] = claim.next_offset
            self._positions[claim.partition] = claim.next_offset

    def dropped(self, partitions: Collection[int]) -> None:
        """Forget these partitions and every record of theirs that no batch has taken yet."""
        for partition in partitions:
            for known in (self._epochs, self._starts, self._positions):
                known.pop(partition, None)
        pairs = zip(self._facts, self._messages, strict=True)
        kept = [pair for pair in pairs if pair[1].partition() in self._positions]
        self._facts = [fact for fact, _ in kept]
        self._messages = [message for _, message in kept]
        self._undecodable = [
            refused
            for refused in self._undecodable
            if refused.message.partition() in self._positions
        ]

    def add(self, messages: Iterable[Message]) -> None:
        """Take records; one of a partition that is not claimed, or taken before, is passed over."""
        positions = self._positions
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None or offset < positions.get(partition, offset + 1):
                continue
            positions[partition] = offset + 1
            self._decode(message)

    def _decode(self, message: Message) -> None:
        try:
            fact = decode_fact(message.value() or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._undecodable.append(Refused(message, f"not a fact: {error}"))
            return
        self._facts.append(fact)
        self._messages.append(message)

    def take(self) -> Batch:
        """Everything gathered since the last call, as one batch."""
        spans = tuple(
            Span(partition, self._epochs[partition], start, self._positions[partition])
            for partition, start in sorted(self._starts.items())
            if self._positions[partition] > start
        )
        batch = Batch(self._facts, self._messages, self._undecodable, spans)
        self._starts = dict(self._positions)
        self._facts, self._messages, self._undecodable = [], [], []
        return batch

    def put_back(self, batch: Batch) -> None:
        """The last batch taken has not landed and is to be cut anew."""
        self._starts |= {span.partition: span.start for span in batch.spans}
        self._facts = batch.facts + self._facts
        self._messages = batch.messages + self._messages
        self._undecodable = batch.undecodable + self._undecodable
