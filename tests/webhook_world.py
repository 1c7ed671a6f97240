"""A receiver of webhooks on loopback, and workers in threads: what tests of webhooks share."""

import hashlib
import hmac
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition
from posttrail_events.webhooks import Webhooks

from posttrail import config
from posttrail.config import Settings
from posttrail.dead_letters import DeadLetter, read
from posttrail.delivery_events import DeliveryEvent, Row, encode_event, key
from posttrail.topics import DEAD, EVENTS

SECRET = "4f5c-shared-by-both-9d1e"
BORN = datetime(2026, 11, 18, 12, tzinfo=UTC)


class Received(NamedTuple):
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    """What it was answered."""

    def is_signed(self) -> bool:
        """As docs/delivery-events.md tells a receiver to look."""
        signed = self.headers["X-Posttrail-Signature"]
        parts = dict(part.split("=", 1) for part in signed.split(","))
        text = parts["t"].encode() + b"." + self.body
        return hmac.compare_digest(
            parts["v1"], hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
        )


class Receiver:
    """Answers each path with its statuses, one after the other; the last one stays."""

    def __init__(self, answers: dict[str, list[int]]) -> None:
        self.received: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                left = answers[self.path]
                status = left.pop(0) if len(left) > 1 else left[0]
                receiver.received.append(Received(self.path, dict(self.headers), body, status))
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Says nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]

    def taken(self, path: str) -> list[Received]:
        return [one for one in self.at(path) if one.status < 300]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def receiving(answers: dict[str, list[int]]) -> Iterator[Receiver]:
    """A receiver, until the block ends."""
    receiver = Receiver(answers)
    try:
        yield receiver
    finally:
        receiver.close()


def target(name: str, url: str, *domains: str) -> dict[str, Any]:
    return {"name": name, "url": url, "domains": domains, "secret": SECRET}


def settings_for(
    bootstrap: str, prefix: str, *targets: dict[str, Any], **webhooks: Any
) -> Settings:
    """Few tries and short pauses."""
    given = {"tries": 4, "longest_pause_seconds": 0.2, "timeout_seconds": 5, **webhooks}
    return config.load(
        kafka={"bootstrap": bootstrap, "prefix": prefix}, webhooks={"targets": targets, **given}
    )


@contextmanager
def delivering(settings: Settings) -> Iterator[Webhooks]:
    """A worker in a thread, until the block ends."""
    stopping = threading.Event()
    failures: list[Exception] = []
    worker = Webhooks(settings)

    def work() -> None:
        try:
            worker.run(stopping)
        except Exception as error:  # noqa: BLE001  # the test looks at it
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield worker
    finally:
        stopping.set()
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def sent_by(sender: str | None, number: int = 0) -> DeliveryEvent:
    """The state of a mail."""
    return DeliveryEvent(
        version=1, host="mx1", instance="postfix", queue_id=f"4Q{number}", born=BORN, t=BORN,
        status="queued", sender=sender,
    )  # fmt: skip


def publish(settings: Settings, events: Sequence[DeliveryEvent | None]) -> None:
    """Put events, or a tombstone, on one partition of maillog.events."""
    producer = Producer({"bootstrap.servers": config.bootstrap(settings)})
    topic = EVENTS.full_name(settings.kafka.prefix)
    for event in events:
        name = key(Row("mx1", "postfix", event.queue_id if event else "gone", 1))
        value = None if event is None else encode_event(event)
        producer.produce(topic, value, name, partition=0)
    assert producer.flush(20) == 0


def letters(settings: Settings) -> list[DeadLetter]:
    """All dead letters."""
    consumer = Consumer(
        {
            "bootstrap.servers": config.bootstrap(settings),
            "group.id": "test",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(DEAD.full_name(settings.kafka.prefix), 0, 0)])
    found = []
    while (message := consumer.poll(20)) is not None and message.error() is None:
        found.append(
            read(message.key(), message.value(), message.headers(), message.timestamp()[1])
        )
    consumer.close()
    return found
