"""A sink: reads `maillog.deliveries` as a member of a group and lands batch after batch.

The Kafka side runs here, in the main thread, and never waits long, so that the group keeps this
member through any outage. The database side (landing.Store) runs in one other thread. A partition
is read only while it is claimed; every trouble ends the same way: forget what was read, wait, claim
again, read from where the claim then stands.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from posttrail import metrics, topic_admin, topics
from posttrail.config import Settings
from posttrail.errors import Fenced, Poison, Retry, Stop
from posttrail.kafka_clients import base
from posttrail.logs import logger
from posttrail_sinks import kafka_log
from posttrail_sinks.backoff import Backoff
from posttrail_sinks.batches import Collector
from posttrail_sinks.database import understood
from posttrail_sinks.landing import Claimed, Landed, Store, Writer
from posttrail_sinks.offsets import Log

STAGE = "sink"
PATIENCE_S = 1.0
"""How long a full batch waits for the one before it until this sink stops fetching."""
FENCED_PAUSE_S = 2.0
"""Before a fenced sink claims again: time for the group to tell that the partition moved on."""
ANSWER_S = 0.05
"""How often the main thread looks for what the database thread has done."""
LEAVE_S = 5.0
"""How long a batch on its way may take when partitions are given up or the sink ends."""


def consumer_config(settings: Settings) -> dict[str, Any]:
    """librdkafka's settings of a sink's consumer."""
    return base(settings, "sink") | {
        "group.id": settings.kafka.prefix + settings.sink.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",  # every start offset comes from sink_offset
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 6000,  # a dead or frozen sink's partitions move on within seconds
        "heartbeat.interval.ms": 1500,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16384,
        "log_level": 0,  # lost connections are told in our own words
    }


class Sink:
    """One member of the group."""

    def __init__(self, settings: Settings, writer: Writer, store: Store) -> None:
        """Connects nothing yet."""
        self._settings = settings
        self._topic = topics.DELIVERIES.full_name(settings.kafka.prefix)
        self._group = settings.kafka.prefix + settings.sink.group
        self._most = settings.sink.batch_facts
        self._longest_s = settings.sink.batch_seconds
        self._writer = writer
        self._store = store
        self._admin = topic_admin.client(settings)
        self._consumer = Consumer(consumer_config(settings) | {"error_cb": self._heard})
        self._database = ThreadPoolExecutor(1, "database")
        self._assigned: set[int] = set()
        self._collector = Collector()
        self._claiming: Future[tuple[Log, Claimed]] | None = None
        self._landing: Future[Landed] | None = None
        self._log = Log(group=self._group, topic=self._topic, topic_id="")
        self._backoff = Backoff()
        self._not_before = 0.0
        self._due = 0.0
        self._trouble: str | None = None
        self._say = logger(STAGE)

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop, then leave the group.

        Raises:
            Unreachable: at the start, Kafka or PostgreSQL is not there; later, one refuses us.
            NotReady: the topic or the schema is missing or not as declared.
        """
        try:
            self._start()
            while not stopping.is_set():
                self._step()
        finally:
            self._end()

    def _start(self) -> None:
        topic_admin.require(self._settings, topics.DELIVERIES, topics.DEAD)
        self._store.open()
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        self._say.info("sink starts", topic=self._topic, group=self._group)

    # One step: never longer than batch_seconds plus PATIENCE_S.

    def _step(self) -> None:
        self._settle()
        self._claim_when_due()
        self._read()
        ripe = self._full or (len(self._collector) and time.monotonic() >= self._due)
        if ripe and self._free(PATIENCE_S if self._full else 0):
            self._hand_over()

    @property
    def _full(self) -> bool:
        return len(self._collector) >= self._most

    def _free(self, patience: float) -> bool:
        """Whether the database can take a batch, after waiting a little for the one before."""
        if self._landing is not None:
            wait_for([self._landing], patience)
            self._settle()
        return self._landing is None

    def _read(self) -> None:
        """Take records until the batch is full or old enough; serve the group in any case."""
        if self._full:
            self._fetch_nothing()
        if not len(self._collector):
            self._due = time.monotonic() + self._longest_s
        left_s = max(0.0, self._due - time.monotonic())
        waiting = self._claiming is not None or self._landing is not None
        timeout = min(left_s, ANSWER_S) if waiting else left_s
        room = self._most - len(self._collector)
        self._take(self._consumer.consume(max(1, room), timeout))

    def _take(self, messages: Iterable[Any]) -> None:
        fine = []
        for message in messages:
            if message.error() is None:
                fine.append(message)
            else:
                self._heard(message.error(), message.partition())
        self._collector.add(fine)

    def _hand_over(self) -> None:
        batch = self._collector.take()
        if not batch.spans:
            return
        try:
            with understood():
                prepared = self._writer.prepare(batch.facts)
        except Poison:
            prepared = None  # the store finds out which fact it is
        self._landing = self._database.submit(self._timed_landing, self._log, batch, prepared)
        self._fetch_claimed()

    def _timed_landing(self, *given: Any) -> Landed:
        with metrics.SINK_BATCH.time():
            return self._store.land(*given)

    # What became of the work in the other thread.

    def _settle(self) -> None:
        landing, claiming = self._landing, self._claiming
        if landing is not None and landing.done():
            self._landing = None
            self._after(landing, self._landed)
        if claiming is not None and claiming.done():
            self._claiming = None
            self._after(claiming, self._claimed)

    def _after(self, done: Future[Any], go_on: Callable[[Any], None]) -> None:
        try:
            result = done.result()
        except Fenced as error:
            self._fenced(error)
        except Retry as error:
            self._failed(error)
        else:
            go_on(result)

    def _landed(self, landed: Landed) -> None:
        self._backoff.worked()
        if self._trouble is not None:
            self._say.info("sink goes on")
            self._trouble = None
        facts = Counter(type(fact) for fact in landed.batch.facts)
        for kind, count in facts.items():
            metrics.SINK_FACTS.labels(str(kind.__struct_config__.tag)).inc(count)
        if landed.refused:
            metrics.SINK_DEAD.inc(len(landed.refused))
            self._say.warning("facts went to the dead letters", count=len(landed.refused))
        self._tell_kafka(landed)

    def _tell_kafka(self, landed: Landed) -> None:
        """For tools that show lag; nobody starts from these offsets."""
        where = [
            TopicPartition(self._topic, span.partition, span.end)
            for span in landed.batch.spans
            if span.partition in self._assigned
        ]
        if not where:
            return
        try:
            self._consumer.commit(offsets=where, asynchronous=True)
        except KafkaException as error:
            self._say.debug("lag not told to Kafka", error=str(error))
        for place in where:
            self._measure_lag(place)

    def _measure_lag(self, place: TopicPartition) -> None:
        known = self._consumer.get_watermark_offsets(place, cached=True)
        if known and known[1] >= 0:
            lag = metrics.LAG.labels(STAGE, self._topic, place.partition)
            lag.set(max(0, known[1] - place.offset))

    def _fenced(self, error: Fenced) -> None:
        metrics.SINK_FENCED.inc()
        self._say.warning("fenced: nothing of the batch was written", error=str(error))
        self._forget(self._collector.positions)
        self._not_before = time.monotonic() + FENCED_PAUSE_S

    def _failed(self, error: Retry) -> None:
        metrics.SINK_RETRIES.labels(type(error.__cause__ or error).__name__).inc()
        self._waits(error)
        self._forget(self._collector.positions)
        self._not_before = time.monotonic() + self._backoff.failed()

    def _waits(self, error: Retry) -> None:
        """Say why, once for every change of the reason."""
        if str(error) != self._trouble:
            self._say.warning("sink waits and tries again", error=str(error))
            self._trouble = str(error)

    # Partitions: assigned by the group, claimed in the database, fetched from Kafka.

    def _claim_when_due(self) -> None:
        wanted = self._assigned - self._collector.positions.keys()
        due = time.monotonic() >= self._not_before
        if wanted and due and self._claiming is None:
            self._claiming = self._database.submit(self._claim, frozenset(wanted))

    def _claim(self, partitions: frozenset[int]) -> tuple[Log, Claimed]:
        """In the other thread: what the group still gives us then."""
        topic_id, _ = kafka_log.described(self._admin, self._topic)
        log = Log(group=self._group, topic=self._topic, topic_id=topic_id)
        still = partitions & self._assigned
        extents = kafka_log.extents(self._admin, self._topic, still)
        return log, self._store.claim(log, extents)

    def _claimed(self, result: tuple[Log, Claimed]) -> None:
        self._log, claimed = result
        for skip in claimed.skips:
            self._say.error(
                "facts were gone from the topic before a sink read them",
                partition=skip.partition, from_offset=skip.start, to_offset=skip.end,
            )  # fmt: skip
        if claimed.ended:
            self._say.warning("ended sessions of a frozen sink", server_pids=claimed.ended)
        claims = [claim for claim in claimed.claims.values() if claim.partition in self._assigned]
        self._collector.claimed(claims)
        self._fetch_claimed()
        self._say.info("partitions claimed", partitions=sorted(c.partition for c in claims))

    def _fetching(self) -> set[int]:
        return {place.partition for place in self._consumer.assignment()}

    def _fetch_claimed(self) -> None:
        fetching = self._fetching()
        places = [
            TopicPartition(self._topic, partition, offset)
            for partition, offset in self._collector.positions.items()
            if partition not in fetching
        ]
        if places:
            self._consumer.incremental_assign(places)

    def _fetch_nothing(self) -> None:
        self._consumer.incremental_unassign(self._consumer.assignment())

    def _forget(self, partitions: Iterable[int]) -> None:
        """Give back claims and what was read under them."""
        gone = set(partitions)
        self._collector.dropped(gone)
        fetched = self._consumer.assignment()
        self._consumer.incremental_unassign([at for at in fetched if at.partition in gone])

    # Called by the group inside of consume().

    def _on_assign(self, consumer: Any, places: list[Any]) -> None:
        metrics.REBALANCES.labels(STAGE, "assigned").inc()
        self._assigned |= {place.partition for place in places}
        consumer.incremental_assign([])  # fetching starts when the claim is there

    def _on_revoke(self, _: Any, places: list[Any]) -> None:
        metrics.REBALANCES.labels(STAGE, "revoked").inc()
        if self._landing is not None:
            wait_for([self._landing], LEAVE_S)
        self._give_up(places)

    def _on_lost(self, _: Any, places: list[Any]) -> None:
        metrics.REBALANCES.labels(STAGE, "lost").inc()
        self._say.warning("the group gave up on this sink", partitions=len(places))
        self._give_up(places)

    def _give_up(self, places: list[Any]) -> None:
        gone = {place.partition for place in places}
        self._assigned -= gone
        self._forget(gone)

    def _heard(self, error: KafkaError, partition: int | None = None) -> None:
        """An error event of the client."""
        if error.fatal():
            raise Stop(f"Kafka: {error.str()}")
        if error.code() == KafkaError._AUTO_OFFSET_RESET and partition is not None:  # noqa: SLF001
            self._forget([partition])  # claimed again, it starts where the topic still has records
            return
        found = kafka_log.understood(error, self._topic)
        if not isinstance(found, Retry):
            raise found
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._waits(found)

    def _end(self) -> None:
        """Let the batch on its way finish or break it off, and leave the group."""
        if self._landing is not None:
            wait_for([self._landing], LEAVE_S)
        busy = self._landing is not None and not self._landing.done()
        if busy or self._claiming is not None:
            self._store.interrupt()
        self._database.shutdown(wait=True, cancel_futures=True)
        landing = self._landing
        if landing is not None and not landing.cancelled() and landing.exception() is None:
            self._landed(landing.result())
        self._consumer.close()
        self._store.close()
        self._say.info("sink ends")
