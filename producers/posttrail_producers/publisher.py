"""Puts lines and their position into Kafka, both in one transaction: each line once, in order.

For the author of a source: implement `posttrail_producers.source.Source` and call `pump.run`. The
source yields batches of (lines, position); the pump decides when to commit and calls this module.

One transaction holds the lines on `maillog.raw` and the new positions on `maillog.positions`.
transactional.id is the source's id, so Kafka lets one producer at a time hold a source. After any
error the transaction is given up, a new client starts, and the source goes on from the position
that stands in Kafka: nothing else remembers it. Knows nothing of files or the journal.
"""

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException, Producer

from posttrail import (
    kafka_clients,
    kafka_rights,
    kafka_rules,
    logs,
    pseudonyms,
    service,
    topic_admin,
)
from posttrail.config import Settings
from posttrail.errors import Fenced, Refused, Retry, Unreachable
from posttrail.topics import POSITIONS, RAW
from posttrail_producers.positions import read_positions
from posttrail_producers.source import Record

TRANSACTION_TIMEOUT_S = 30
"""An open transaction holds back the lines of all hosts on its partitions."""
QUEUE_MEGABYTES = 64
"""Lines that wait in memory for the broker; beyond, reading stops."""
_TAKEN_OVER = {
    "_FENCED",
    "PRODUCER_FENCED",
    "INVALID_PRODUCER_EPOCH",
    "INVALID_PRODUCER_ID_MAPPING",
}
_SLICE_S = 5.0
"""How long the client may be silent in one call."""
_TAKEOVER_S = 3.0
"""How long a newer copy may take from fencing us to saying so."""
# What matters is raised, and logged by the pump. log_level alone does not silence a fatal error.
_silent = logging.getLogger("posttrail.librdkafka")
_silent.setLevel(logging.CRITICAL + 1)


class Owner(msgspec.Struct, frozen=True, tag="owner"):
    """Who holds a source; stands in `maillog.positions` under `<source id>#owner`."""

    instance: str
    """Made up anew by every process."""
    host: str
    pid: int
    since: str
    """RFC 3339."""


def _owner_key(source_id: str) -> str:
    return f"{source_id}#owner"


def owner_of(source_id: str, positions: Mapping[str, bytes]) -> Owner | None:
    """Who held this source last."""
    value = positions.get(_owner_key(source_id))
    return None if value is None else msgspec.json.decode(value, type=Owner)


def _config(settings: Settings, source_id: str) -> dict[str, str | int | float | bool]:
    return {
        **kafka_clients.base(settings, "producer"),
        "transactional.id": settings.kafka.prefix + source_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_S * 1000,
        "compression.type": "lz4",
        "linger.ms": 50,
        "batch.num.messages": 100_000,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": QUEUE_MEGABYTES * 1024,
        # A transaction fails as a whole; reports of single lines would cost a callback each.
        "delivery.report.only.error": True,
        "reconnect.backoff.max.ms": 2000,
    }


def _pseudonyms(key: Path | None) -> Callable[[Iterable[Record]], Iterable[Record]]:
    """What hides addresses in records; nothing does without a key."""
    if key is None:
        return lambda records: records
    line = pseudonyms.of_file(key).line
    return lambda records: ((host, line(value)) for host, value in records)


class Publisher:
    """One source's way into Kafka."""

    def __init__(self, settings: Settings, source_id: str, stopping: Callable[[], bool]) -> None:
        """Nothing is opened yet. `stopping` is asked while waiting for the broker.

        Raises:
            BadSettings: the key of the pseudonyms cannot be used.
        """
        self._settings = settings
        self._source_id = source_id
        self._stopping = stopping
        self._raw = RAW.full_name(settings.kafka.prefix)
        self._positions = POSITIONS.full_name(settings.kafka.prefix)
        self._producer: Producer | None = None
        self._begun = False
        self._opened = False
        self._owner = Owner(
            uuid.uuid4().hex, settings.producer.host, os.getpid(), datetime.now(UTC).isoformat()
        )
        self._hidden = _pseudonyms(settings.producer.pseudonym_key_file)
        self._log = logs.logger("producer").bind(source=source_id)

    def open(self) -> dict[str, bytes]:
        """Take the source over, ending any transaction that was open; all committed positions.

        Raises:
            Fenced: a newer copy took the source over since the last `open`.
            NotReady: a topic is missing.
            Unreachable: Kafka does not answer or refuses us, the first time.
            Retry: the same, later on.
        """
        self.drop()
        self._require_topics()
        if self._opened:
            self._refuse_if_taken_over()
        self._producer = Producer(_config(self._settings, self._source_id), logger=_silent)
        try:
            self._producer.init_transactions(15)
            self._begin()
            claim = msgspec.json.encode(self._owner)
            self._producer.produce(self._positions, claim, _owner_key(self._source_id).encode())
            self._end_transaction(15)
            positions = read_positions(self._settings)
        except KafkaException as error:
            self._refuse_if_not_allowed(error)
            raise self._given_up(error) from error
        except Retry as error:  # of the positions
            self._refuse_if_not_allowed(error.__cause__)
            raise
        self._opened = True
        return positions

    def _refuse_if_not_allowed(self, error: BaseException | None) -> None:
        """At the start, what is not allowed will not be soon: say which right is missing."""
        if self._opened or not isinstance(error, KafkaException):
            return
        if error.args[0].name().endswith("AUTHORIZATION_FAILED"):
            self.drop()
            rules = kafka_rules.of_source(self._source_id)
            if error.args[0].name().startswith("TRANSACTIONAL_ID"):
                ids = [rule for rule in rules if rule.kind is kafka_rules.Kind.TRANSACTIONAL_ID]
                raise kafka_rights.refused(self._settings, ids) from error
            kafka_rights.require(self._settings, rules)
            raise Refused(f"Kafka does not allow: {error.args[0].str()}") from error

    def _require_topics(self) -> None:
        try:
            topic_admin.require(self._settings, RAW, POSITIONS)
        except Unreachable as error:
            if not self._opened:  # a wrong address, most likely
                raise
            raise Retry(str(error)) from error

    def send(self, records: Iterable[Record]) -> None:
        """Hand lines to the open transaction. Waits while the broker takes none.

        Raises:
            Fenced: a newer copy holds the source.
            Retry: the transaction is lost: `open` again.
        """
        producer = self._live()
        produce, topic = producer.produce, self._raw
        try:
            self._begin()
            for key, value in self._hidden(records):
                try:
                    produce(topic, value, key)
                except BufferError:
                    self._wait_for_room(producer, value, key)
            producer.poll(0)
        except KafkaException as error:
            raise self._given_up(error) from error

    def commit(self, positions: Mapping[str, bytes], timeout: float = 60) -> None:
        """End the transaction: all lines and these positions stand, or nothing does.

        Raises:
            Fenced: a newer copy holds the source.
            Retry: the transaction is lost, or its fate unknown: `open` again.
        """
        producer = self._live()
        try:
            self._begin()
            for key, value in positions.items():
                producer.produce(self._positions, key=key.encode(), value=value)
            self._end_transaction(timeout)
        except (KafkaException, BufferError) as error:
            raise self._given_up(error) from error

    def drop(self) -> None:
        """Forget the client and its open transaction; Kafka ends that at the next `open`."""
        if self._producer is not None:
            self._producer.purge()
            with suppress(KafkaException):  # the error that it is dropped for, once more
                self._producer.poll(0)
        self._producer, self._begun = None, False

    def abort(self) -> None:
        """Give up the open transaction for good, if Kafka can be told; else it times out there."""
        if self._producer is not None and self._begun:
            try:
                self._producer.purge()
                self._producer.abort_transaction(1)
            except KafkaException as error:
                self._log.info("the open transaction times out by itself", reason=str(error))
        self.drop()

    def _live(self) -> Producer:
        if self._producer is None:
            raise Retry("not open")
        return self._producer

    def _begin(self) -> None:
        if not self._begun:
            self._live().begin_transaction()
            self._begun = True

    def _end_transaction(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                self._live().commit_transaction(max(0.1, min(left, _SLICE_S)))
            except KafkaException as error:
                if not error.args[0].retriable() or left <= 0:
                    raise
                service.alive()  # the broker is away, not this program
            else:
                self._begun = False
                return

    def _wait_for_room(self, producer: Producer, value: bytes, key: bytes) -> None:
        while True:
            producer.poll(0.1)
            service.alive()
            if self._stopping():
                raise Retry("stopping while Kafka takes no lines")
            try:
                producer.produce(self._raw, value, key)
            except BufferError:
                continue
            return

    def _given_up(self, error: Exception) -> Retry:
        """What to do about an error of the client; the transaction is gone in any case."""
        self.drop()
        fault = error.args[0] if isinstance(error, KafkaException) else None
        if fault is not None and fault.name() in _TAKEN_OVER:
            self._await_takeover()
        return Retry(f"transaction given up: {error if fault is None else fault.str()}")

    def _await_takeover(self) -> None:
        """Kafka says that our time is over: by a newer copy, or by a timeout while it was away?

        A newer copy writes itself down as the owner right after it fenced us.
        """
        deadline = time.monotonic() + _TAKEOVER_S
        while time.monotonic() < deadline and not self._stopping():
            self._refuse_if_taken_over()
            time.sleep(0.2)

    def _refuse_if_taken_over(self) -> None:
        owner = owner_of(self._source_id, read_positions(self._settings))
        if owner is not None and owner.instance != self._owner.instance:
            raise Fenced(
                f"{self._source_id} was taken over by process {owner.pid} on {owner.host} at "
                f"{owner.since}: run one producer for a source; this one has written nothing since"
            )
