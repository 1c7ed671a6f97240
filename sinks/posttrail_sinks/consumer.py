"""A sink: reads `maillog.deliveries` as a member of a group and lands batch after batch.

The Kafka side runs here, in the main thread, and never waits long, so that the group keeps this
member through any outage. The database side (landing.Store) runs in one other thread. A partition
is read only while it is claimed; every trouble ends the same way: forget what was read, wait, claim
again, read from where the claim then stands.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from posttrail import kafka_rights, kafka_rules, metrics, service, topic_admin, topics
from posttrail.config import Settings
from posttrail.errors import Fenced, Poison, PosttrailError, Retry, Stop
from posttrail.kafka_clients import base
from posttrail.logs import logger
from posttrail.metrics_server import Health
from posttrail_sinks import kafka_log
from posttrail_sinks.backoff import Backoff
from posttrail_sinks.batches import Batch, Collector
from posttrail_sinks.database import understood
from posttrail_sinks.landing import Claimed, Landed, Store, Writer
from posttrail_sinks.offsets import Log
from posttrail_sinks.trouble import Trouble

STAGE = "sink"
PATIENCE_S = 1.0
"""How long a full batch waits for the one before it until this sink stops fetching."""
FENCED_PAUSE_S = 2.0
"""Before a fenced sink claims again: time for the group to tell that the partition moved on."""
ANSWER_S = 0.05
"""How often the main thread looks for what the database thread has done."""
STUCK_S = 60.0
"""A main thread that has not turned for so long is stuck."""
TEND_S = 2.0
"""How often a sink looks after what it holds."""
LEAVE_S = 3.0
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
        self._database = ThreadPoolExecutor(1, "database")
        self._assigned: set[int] = set()
        self._collector = Collector()
        self._merged: tuple[Batch, Any] | None = None
        """A full batch that waits for the one before it, and what the writer made of it."""
        self._job: tuple[Future[Any], Callable[[Any], None]] | None = None
        self._log = Log(group=self._group, topic=self._topic, topic_id="")
        self._backoff = Backoff()
        self._claim_at = 0.0
        self._tend_at = 0.0
        self._land_at = 0.0
        self._turned = time.monotonic()
        self._facts_landed = 0
        self._say = logger(STAGE)
        self._trouble = Trouble(self._say)

    @property
    def claimed(self) -> set[int]:
        """The partitions that this sink holds now."""
        return set(self._collector.positions)

    def health(self) -> Health:
        """For probes, from any thread: it waits when PostgreSQL or Kafka is in trouble."""
        return Health(
            live=time.monotonic() - self._turned < STUCK_S,
            ready=self._trouble.reason is None,
            reason=self._trouble.reason or "",
            detail={
                "partitions": sorted(self._collector.positions),
                "facts_landed": self._facts_landed,
            },
        )

    @property
    def busy(self) -> bool:
        """Whether PostgreSQL has work of this sink."""
        return self._job is not None

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop, then leave the group.

        Raises:
            Unreachable: at the start, Kafka or PostgreSQL is not there; later, one refuses us.
            NotReady: the topic or the schema is missing or not as declared.
        """
        topic_admin.require(self._settings, topics.DELIVERIES, topics.DEAD)
        kafka_rights.require(self._settings, kafka_rules.of_sink(self._settings))
        self._store.open()
        self._join()
        service.ready()
        try:
            while not stopping.is_set():
                self._turned = time.monotonic()
                self._step()
                service.alive()
        finally:
            self._leave()

    def _join(self) -> None:
        self._consumer = Consumer(consumer_config(self._settings) | {"error_cb": self._heard})
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
        if self._job is None:
            self._claim_when_due()
        if self._job is None:
            self._tend_when_due()
        self._read()
        if self._full and self._merged is None:
            self._merged = self._merge()
        ripe = self._merged or (len(self._collector) and time.monotonic() >= self._land_at)
        if ripe and self._free(PATIENCE_S if self._full else 0):
            self._hand_over()

    @property
    def _full(self) -> bool:
        return len(self._collector) >= self._most

    def _free(self, patience: float) -> bool:
        """Whether the database can take a batch, after waiting a little for what it does."""
        if self._job is not None:
            wait_for([self._job[0]], patience)
            self._settle()
        return self._job is None

    def _let(self, then: Callable[[Any], None], work: Callable[..., Any], *given: Any) -> None:
        """Have the other thread do this; one job at a time."""
        assert self._job is None
        self._job = (self._database.submit(work, *given), then)

    def _read(self) -> None:
        """Take records until the batch is full or old enough; serve the group in any case."""
        if self._full:
            self._fetch_nothing()
        if not len(self._collector):
            self._land_at = time.monotonic() + self._longest_s
        left_s = max(0.0, self._land_at - time.monotonic())
        timeout = left_s if self._job is None else min(left_s, ANSWER_S)
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

    def _merge(self) -> tuple[Batch, Any]:
        """What was read, as rows; the other thread may land the batch before meanwhile."""
        batch = self._collector.take()
        try:
            with understood():
                return batch, self._writer.prepare(batch.facts)
        except Poison:
            return batch, None  # the store finds out which fact it is

    def _hand_over(self) -> None:
        batch, prepared = self._merged or self._merge()
        self._merged = None
        if not batch.spans:
            return
        self._let(self._landed, self._timed_landing, self._log, batch, prepared)
        if self._full:
            self._merged = self._merge()
        self._fetch_claimed()

    def _timed_landing(self, *given: Any) -> Landed:
        with metrics.SINK_BATCH.time():
            return self._store.land(*given)

    # What became of the work in the other thread.

    def _settle(self) -> None:
        if self._job is None or not self._job[0].done():
            return
        (done, then), self._job = self._job, None
        try:
            result = done.result()
        except Fenced as error:
            self._fenced(error)
        except Retry as error:
            self._failed(error, facts_wait=then == self._landed)
        else:
            then(result)

    def _landed(self, landed: Landed) -> None:
        self._backoff.worked()
        self._trouble.over()
        self._facts_landed += len(landed.batch.facts)
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
        self._claim_at = time.monotonic() + FENCED_PAUSE_S

    def _failed(self, error: Retry, *, facts_wait: bool) -> None:
        metrics.SINK_RETRIES.labels(type(error.__cause__ or error).__name__).inc()
        metrics.failed(STAGE)
        self._trouble.begins(error, facts_wait=facts_wait)
        self._forget(self._collector.positions)
        self._claim_at = time.monotonic() + self._backoff.failed()

    # Partitions: assigned by the group, claimed in the database, fetched from Kafka.

    def _claim_when_due(self) -> None:
        wanted = self._assigned - self._collector.positions.keys()
        if wanted and time.monotonic() >= self._claim_at:
            self._let(self._claimed, self._claim, frozenset(wanted))

    def _tend_when_due(self) -> None:
        """Now and then see that the claims still hold, for a sink that has nothing to land."""
        if (self.claimed or self._trouble.kafka_is_away) and time.monotonic() >= self._tend_at:
            self._let(self._tended, self._tend, self._log, self._collector.claims)

    def _tend(self, log: Log, epochs: dict[int, int]) -> None:
        topic_id, _ = kafka_log.described(self._admin, self._topic)
        if epochs and topic_id != log.topic_id:
            raise Fenced(f"{self._topic} was made anew")
        self._store.tend(log, epochs)

    def _tended(self, _: None) -> None:
        self._tend_at = time.monotonic() + TEND_S
        self._trouble.servers_answer()

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
        metrics.PARTITIONS.labels(STAGE).set(len(self.claimed))
        self._fetch_claimed()
        self._say.info("partitions claimed", partitions=sorted(c.partition for c in claims))

    def _fetch_claimed(self) -> None:
        fetching = {place.partition for place in self._consumer.assignment()}
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
        if self._merged is not None:
            self._collector.put_back(self._merged[0])
            self._merged = None
        self._collector.dropped(gone)
        metrics.PARTITIONS.labels(STAGE).set(len(self.claimed))
        fetched = self._consumer.assignment()
        self._consumer.incremental_unassign([at for at in fetched if at.partition in gone])

    # Called by the group inside of consume().

    def _on_assign(self, consumer: Any, places: list[Any]) -> None:
        metrics.REBALANCES.labels(STAGE, "assigned").inc()
        self._assigned |= {place.partition for place in places}
        consumer.incremental_assign([])  # fetching starts when the claim is there

    def _on_revoke(self, _: Any, places: list[Any]) -> None:
        metrics.REBALANCES.labels(STAGE, "revoked").inc()
        if self._job is not None:
            wait_for([self._job[0]], LEAVE_S)
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
            self._trouble.begins(found)
            self._trouble.kafka_is_away = True

    def _leave(self) -> None:
        """Let the batch on its way finish or break it off, and leave the group."""
        service.stopping()
        if self._job is not None:
            _, unfinished = wait_for([self._job[0]], LEAVE_S)
            if unfinished:
                self._store.interrupt()
        self._database.shutdown(wait=True, cancel_futures=True)
        with contextlib.suppress(PosttrailError, CancelledError):
            self._settle()
        self._consumer.close()
        self._store.close()
        self._say.info("sink ends")
