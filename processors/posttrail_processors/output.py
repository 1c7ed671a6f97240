"""Sends facts and dead letters, and says when the broker has every one of them.

An idempotent producer of our own: awaiting Faust's `topic.send` awaits buffering only. A broker
that is away is waited for; a record that it finds too large never holds up the others. Knows
nothing of lines.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import aiokafka.codec
import msgspec
import tenacity
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from mode import Service

from posttrail import topics
from posttrail.dead_letters import DeadLetter, read
from posttrail.errors import NotReady
from posttrail.logs import logger
from posttrail.metrics import PROCESSOR_RETRIES, failed
from posttrail.records import decode_fact
from posttrail_processors.reading import Outgoing, outgoing_letter

Shipment: TypeAlias = Mapping[str, Sequence[Outgoing]]
"""Records by the full name of their topic."""

BATCH_BYTES = 256 * 1024
REQUEST_SECONDS = 30
"""How long a record waits for the broker before the producer is made anew."""
STOP_SECONDS = 2
SMALLEST_CUT_BYTES = 512

# aiokafka has no setting for it. Its level 9 takes ten times the CPU for a third less on the wire.
aiokafka.codec.lz4_encode.__defaults__ = (1,)

log = logger("process")


class Output(Service):
    """The producer of one worker; runs beside the agent, which waits until it is there."""

    def __init__(
        self, bootstrap: str, prefix: str, credentials: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """`credentials`: how aiokafka's clients protect their connection."""
        super().__init__(**kwargs)
        self._credentials = credentials
        self._bootstrap = bootstrap
        self._deliveries = topics.DELIVERIES.full_name(prefix)
        self._dead = topics.DEAD.full_name(prefix)
        self._producer: AIOKafkaProducer | None = None

    async def on_stop(self) -> None:
        """Called by Faust when the worker stops; all that was acknowledged is with the broker."""
        await self._close()

    async def deliver(self, facts: Sequence[Outgoing], letters: Sequence[Outgoing]) -> None:
        """Return once the broker has every record; until then, try.

        A retry sends the whole shipment again: what comes of one line may arrive twice, each time
        with the same origin.
        """
        shipment = {self._deliveries: facts, self._dead: letters}
        async for attempt in _patiently():
            with attempt:
                try:
                    await self._send(shipment)
                except MessageSizeTooLargeError:
                    await self._send_one_by_one(shipment)

    async def _send(self, shipment: Shipment) -> None:
        producer = await self._connected()
        futures = []
        try:
            for topic, partition, batch in await _packed(producer, shipment):
                futures.append(await producer.send_batch(batch, topic, partition=partition))
        except KafkaError:
            await self._close()
            raise
        answers = await asyncio.gather(*futures, return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        if failures:
            # After a failure the idempotent producer's sequence has a hole: start a new one.
            await self._close()
            raise next((one for one in failures if _is_size(one)), failures[0])

    async def _send_one_by_one(self, shipment: Shipment) -> None:
        for topic, records in shipment.items():
            for record in records:
                await self._send_alone(topic, record)

    async def _send_alone(self, topic: str, record: Outgoing) -> None:
        while True:
            try:
                return await self._send({topic: [record]})
            except MessageSizeTooLargeError:
                log.warning("a record is larger than the broker takes", topic=topic)
                is_fact = topic == self._deliveries
                record = letter_of_fact(record, topic) if is_fact else cut(record)
                topic = self._dead

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id="posttrail-process",
                enable_idempotence=True,
                compression_type="lz4",
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=REQUEST_SECONDS * 1000,
                **self._credentials,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)
            except (TimeoutError, KafkaError) as error:
                log.warning("the producer did not stop in good order", error=type(error).__name__)


def _is_size(error: BaseException) -> bool:
    return isinstance(error, MessageSizeTooLargeError)


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    PROCESSOR_RETRIES.labels(type(error).__name__).inc()
    failed("process")
    log.warning("the broker did not take the facts; trying again", error=type(error).__name__)


def _patiently() -> tenacity.AsyncRetrying:
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(KafkaError),
        wait=tenacity.wait_exponential(0.2, max=10),
        before_sleep=_say,
    )


async def _packed(producer: AIOKafkaProducer, shipment: Shipment) -> list[tuple[str, int, Any]]:
    """The records as aiokafka's batches, each with its topic and partition."""
    packed = []
    for topic, records in shipment.items():
        partitions = len(await producer.partitions_for(topic)) if records else 1
        by_partition: defaultdict[int, list[Outgoing]] = defaultdict(list)
        for record in records:
            by_partition[topics.partition_for(record.key or b"", partitions)].append(record)
        for partition, some in by_partition.items():
            packed += [(topic, partition, batch) for batch in _batches(producer, some)]
    return packed


def _batches(producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> Iterator[Any]:
    """The records in order, in as few of aiokafka's batches as they fit in."""
    batch = producer.create_batch()
    for key, value, headers, timestamp in records:
        while batch.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
            yield batch
            batch = producer.create_batch()
    yield batch


def letter_of_fact(record: Outgoing, topic: str) -> Outgoing:
    """A fact that is too large for `maillog.deliveries`, as a dead letter that holds the fact."""
    return outgoing_letter(
        DeadLetter(
            value=record.value,
            key=record.key,
            reason=f"{len(record.value)} bytes are more than the broker takes on {topic}",
            stage="sink",
            topic=topic,
            origin=decode_fact(record.value).origin,
        )
    )


def cut(record: Outgoing) -> Outgoing:
    """A dead letter that is too large even for `maillog.dead`, cut to half and saying so.

    Raises:
        NotReady: half is too little to be worth keeping; the topic takes next to nothing.
    """
    kept = len(record.value) // 2
    if kept < SMALLEST_CUT_BYTES:
        raise NotReady(f"{topics.DEAD.name} takes no record: raise its max.message.bytes")
    letter = read(record.key, record.value[:kept], record.headers, record.timestamp)
    reason = f"cut to {kept} bytes, it was larger than the broker takes; {letter.reason}"
    return outgoing_letter(msgspec.structs.replace(letter, reason=reason))
