"""Faust's Kafka transport, mended: the only module that overrides Faust's private methods.

Written against faust-streaming 0.15 and aiokafka 0.14 (pinned in pyproject.toml). What it changes:

- reads committed records only (Faust does so in its exactly-once mode alone);
- a fetch of partitions that hold nothing waits for FETCH_WAIT_MS, not for 1.5 s: aiokafka sends one
  fetch at a time to a broker, so those partitions would hold up the ones that have lines;
- one Faust message for each partition and poll: Faust's cost is by message;
- tells of lines that Kafka dropped before they were read;
- commits what `Progress` says, not Faust's list of acknowledged offsets, which skips gaps;
- a commit that the broker refuses or that comes too late is tried again later, no reason to end;
- a stop or a rebalance waits a little for the batch in hand, not for ever;
- logs no message: they hold lines of mail.

Registered as `posttrail://host:port` by the entry point group `faust.transports`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.consumer.consumer import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import ConsumerMessage

from posttrail.logs import logger
from posttrail_processors import holes
from posttrail_processors.holes import Hole, Holes
from posttrail_processors.progress import Batch, Partition, Progress

if TYPE_CHECKING:
    from posttrail_processors.app import App

log = logger("process")

PATIENCE_SECONDS = 3.0
"""How long a stop or a rebalance waits for the batch in hand, and then for the commit."""


FETCH_WAIT_MS = 100
"""How long the broker holds a fetch that finds no line. Faust has no setting for it."""

ANSWER_SECONDS = 5.0
"""How long the broker may take to say what it still keeps."""


class Fetched(NamedTuple):
    """What one poll gave."""

    records: Mapping[Any, list[Any]]
    positions: Mapping[Partition, int | None]
    """Where the next one begins, as of the same moment."""
    epoch: int
    """How many times the thread had set its positions anew."""
    lost: Mapping[Partition, Hole] = {}
    """What was gone before it could be fetched."""


class Sought(NamedTuple):
    """Positions set anew, to the committed offsets."""

    offsets: Mapping[Any, int | None]
    epoch: int


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the group's coordinator and fetches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._epoch = 0
        self._holes = Holes()

    def _create_worker_consumer(self, transport: "Transport") -> AIOKafkaConsumer:
        # Faust's only way to read_committed is this flag; true for longer it means transactions.
        self.consumer.in_transaction = True
        try:
            consumer = super()._create_worker_consumer(transport)
        finally:
            self.consumer.in_transaction = False
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def _commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Whether the broker took them. Faust would end the worker on any error."""
        assignment = self.assignment()
        wanted = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "")
            for partition, offset in offsets.items()
            if partition in assignment
        }
        try:
            await self._ensure_consumer().commit(wanted)
        except (KafkaError, IllegalStateError) as error:
            log.warning("commit refused, tried again later", error=type(error).__name__)
            return False
        return True

    async def seek_to_committed(self) -> Sought:
        """Called by the other thread after every rebalance, while the flow is stopped."""
        sought: Sought = await self.call_thread(self._seek_to_committed)
        return sought

    async def _seek_to_committed(self) -> Sought:
        offsets = await self._ensure_consumer().seek_to_committed()
        self._epoch += 1
        self._holes.sought({ensure_TP(one): _known(at) for one, at in offsets.items()})
        return Sought(offsets, self._epoch)

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Fetched:
        records = await super()._fetch_records(*args, **kwargs)
        fetched = Fetched(records, self.positions(), self._epoch)
        lost = await self._lost(fetched)
        if self._epoch != fetched.epoch:
            return Fetched({}, {}, self._epoch)
        if self.consumer.flow_active and lost is not None:
            self._holes.reached(fetched.positions)
            return fetched._replace(lost=lost)
        # Begun before the flow was stopped, and perhaps after the positions were set anew: what is
        # thrown away here must be read again.
        for partition, found in records.items():
            self._ensure_consumer().seek(partition, found[0].offset)
        return Fetched({}, {}, self._epoch)

    async def _lost(self, fetched: Fetched) -> Mapping[Partition, Hole] | None:
        """What is gone from the topic before these records; None: the broker did not say."""
        firsts = {ensure_TP(one): found[0].offset for one, found in fetched.records.items()}
        passed_over = self._holes.before(firsts, fetched.positions)
        if not passed_over:
            return {}
        asked = [TopicPartition(*partition) for partition in passed_over]
        try:
            answer = self._ensure_consumer().beginning_offsets(asked)
            kept = await asyncio.wait_for(answer, ANSWER_SECONDS)
        except (KafkaError, TimeoutError):
            return None
        return holes.lost(passed_over, {ensure_TP(one): at for one, at in kept.items()})

    def positions(self) -> dict[Partition, int | None]:
        """The offset that each partition's next fetch begins at; for any thread, never waits."""
        consumer = self._consumer
        subscription = None if consumer is None else consumer._subscription.subscription  # noqa: SLF001
        assignment = None if subscription is None else subscription.assignment
        if assignment is None:
            return {}
        return {
            (one.topic, one.partition): assignment.state_value(one)._position  # noqa: SLF001
            for one in assignment.tps
        }


class Consumer(driver.Consumer):
    """A consumer of batches."""

    app: "App"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.progress: Progress = self.app.progress
        self.scheduler = Whole()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def positions(self) -> dict[Partition, int | None]:
        """See ConsumerThread.positions."""
        found: dict[Partition, int | None] = self._thread.positions()
        return found

    async def on_partitions_assigned(
        self, assigned: set[Partition], generation_id: int = 0
    ) -> None:
        """Called by the thread at the end of a rebalance."""
        self.progress.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)
        self.app.on_assignment(len(assigned))

    async def seek_to_committed(self) -> Mapping[Partition, int | None]:
        """Called after every rebalance, before the first fetch."""
        found: Sought = await super().seek_to_committed()
        offsets = {ensure_TP(one): _known(offset) for one, offset in found.offsets.items()}
        self.progress.sought(offsets, found.epoch)
        return offsets

    async def _getmany(
        self,
        active_partitions: set[Partition] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> Mapping[Partition, list[Batch]]:
        fetched: Fetched = await super()._getmany(active_partitions, timeout)
        records = {ensure_TP(one): found for one, found in fetched.records.items()}
        return self.progress.take(records, fetched.positions, fetched.epoch, fetched.lost)

    def _to_message(self, tp: Partition, record: Batch) -> ConsumerMessage:
        topic, partition = record.partition
        return ConsumerMessage(
            topic, partition, record.end - 1, 0.0, 0, (), None, record, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    async def _add_gap(self, tp: Partition, offset_from: int, offset_to: int) -> None:
        """Faust's list of gaps is not used; it would grow with every batch."""

    def ack(self, message: Any) -> bool:
        """Faust's mark that a message is done with; what is committed is Progress's affair."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    def _filter_committable_offsets(self, tps: Iterable[Partition]) -> dict[Partition, int]:  # noqa: ARG002
        return self.progress.uncommitted()

    async def _commit(self, offsets: Mapping[Partition, int]) -> bool:
        taken = bool(await super()._commit(offsets))
        if taken:
            self.progress.committed(offsets)
        return taken

    async def wait_empty(self) -> None:
        """Called when partitions are revoked and at the end; Faust would wait for ever."""
        try:
            await asyncio.wait_for(self.app.work.idle.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            log.warning("not waiting for the batch in hand any longer; it will be read again")
        try:
            await asyncio.wait_for(self.commit_and_end_transactions(), PATIENCE_SECONDS)
        except TimeoutError:
            log.warning("no last commit; the last lines will be read again")

    def verify_event_path(self, now: float, tp: Partition) -> None:
        """Faust's own search for stalls only logs; posttrail_processors.watchdog acts."""


class Whole:
    """Faust's scheduler deals records out one by one; a batch is handed on whole."""

    def iterate(
        self, records: Mapping[Partition, list[Batch]]
    ) -> Iterable[tuple[Partition, Batch]]:
        """Each batch with its partition."""
        return ((one, batch) for one, batches in records.items() for batch in batches)


class Transport(driver.Transport):
    """What Faust finds under `posttrail://`."""

    Consumer = Consumer


def _known(offset: int | None) -> int | None:
    """A committed offset; the broker says -1 for none."""
    return None if offset is None or offset < 0 else offset
