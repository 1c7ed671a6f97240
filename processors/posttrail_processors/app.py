"""The Faust app: its settings and its one agent. The only place that makes one."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor
from mode.types import ServiceT

from posttrail import config
from posttrail.config import Settings
from posttrail.logs import logger
from posttrail.metrics import REBALANCES
from posttrail.topics import RAW
from posttrail_processors import credentials
from posttrail_processors.output import Output
from posttrail_processors.progress import Partition, Progress
from posttrail_processors.reading import Reader
from posttrail_processors.work import Work

BATCHES_WAITING = 4
"""Batches that may wait for the agent; this bounds a worker's memory."""

SESSION_SECONDS = 6.0
"""How long the group waits for a silent worker; Kafka takes no less. The sink's is the same."""

METADATA_SECONDS = 5
"""How often a worker asks which partitions there are. aiokafka does so every five minutes, and does
not repeat a question that failed: a worker that started while the broker went away knew of no
partition when it came back, and the group dealt out none."""

log = logger("process")


class App(faust.App):
    """A worker's app."""

    progress: Progress
    output: Output
    work: Work

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """What Faust starts with the app: the output first, so that it also stops last."""
        return chain([self.output, self.work], super().on_init_dependencies())

    def on_assignment(self, partitions: int) -> None:
        """A rebalance gave this worker so many partitions."""
        REBALANCES.labels("process", "assigned").inc()
        log.info("assigned", partitions=partitions)

    def positions(self) -> Mapping[Partition, int | None]:
        """The offset that each partition's next fetch begins at; for any thread."""
        if not self.progress.joined:
            return {}  # asking for the consumer would make it, here, in the wrong thread
        found: Mapping[Partition, int | None] = self.consumer.positions()
        return found

    def _create_directories(self) -> None:
        """Faust makes a directory for tables where it was started; we have no tables."""


class Untouched(faust.Schema):
    """Messages are batches; there is nothing to decode."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Batches have no key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002
        """The batch."""
        return message.value


def make(settings: Settings, reader: Reader) -> App:
    """The app of one worker.

    Raises:
        posttrail.errors.Unreachable: no broker is set and no embedded one runs.
        posttrail.errors.BadSettings: a file of a certificate, a key or a secret cannot be used.
    """
    brokers = config.bootstrap(settings)
    prefix = settings.kafka.prefix
    app = App(
        prefix + settings.processor.group,
        broker=[f"posttrail://{broker.strip()}" for broker in brokers.split(",")],
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        broker_client_id="posttrail-process",
        broker_credentials=credentials.of_faust(settings.kafka),
        broker_max_poll_records=settings.processor.max_poll_lines,
        broker_commit_interval=0.5,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=30.0,
        consumer_metadata_max_age_ms=METADATA_SECONDS * 1000,
        stream_buffer_maxsize=BATCHES_WAITING,
        stream_wait_empty=True,
    )
    app.progress = Progress()
    app.output = Output(brokers, prefix, credentials.of_aiokafka(settings.kafka))
    work = app.work = Work(reader, app.output, app.progress)
    raw = app.topic(RAW.full_name(prefix), schema=Untouched())

    @app.agent(raw, name="process", supervisor_strategy=CrashingSupervisor)
    async def process(batches: Any) -> None:
        async for event in batches.noack().events():
            await work.handle(event.value, event.ack)

    return app
