"""The lines of a replay: which stretch of `maillog.raw`, and what today's parser makes of it.

The parser comes as a function: this stage knows none. Knows no table.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from posttrail import topic_admin, topics
from posttrail.config import Settings
from posttrail.errors import BadInput
from posttrail.records import AnyFact, FromFact, Origin, ToFact
from posttrail_sinks import kafka_log, raw_lines
from posttrail_sinks.merge import IdKey
from posttrail_sinks.offsets import Extent
from posttrail_sinks.places import Place
from posttrail_sinks.rewind import found


class Derived(msgspec.Struct, frozen=True, gc=False):
    """What today's parser makes of a line."""

    host: str | None
    t: int | None
    """When it was logged, microseconds since 1970 UTC."""
    facts: Sequence[AnyFact]


Derive: TypeAlias = Callable[[bytes, Origin, int | None], Derived]
"""Line, origin, when Kafka got it (microseconds since 1970 UTC); must not raise."""

Spans: TypeAlias = dict[int, Extent]
"""Stretches of `maillog.raw`, by partition."""


class Window(msgspec.Struct, frozen=True):
    """What is to be derived anew."""

    since: Place
    until: Place | None = None
    """Not included; None: up to the end of the topic."""


class Seen:
    """What the lines of the window tell beside their facts."""

    def __init__(self) -> None:
        self.lines = 0
        self.facts = 0
        self.received: int | None = None
        """When Kafka got the first of them, milliseconds since 1970 UTC."""
        self.hosts: dict[str, tuple[int, int]] = {}
        """Times of the first and last line of every host, microseconds since 1970 UTC."""
        self.ids: set[IdKey] = set()

    def see(self, derived: Derived, received: int) -> None:
        """Take one line into account."""
        self.lines += 1
        self.facts += len(derived.facts)
        self.received = received if self.received is None else min(self.received, received)
        self.ids.update(ids_of(derived.facts))
        if derived.host is not None and derived.t is not None:
            first, last = self.hosts.get(derived.host, (derived.t, derived.t))
            self.hosts[derived.host] = min(first, derived.t), max(last, derived.t)


def ids_of(facts: Iterable[AnyFact]) -> Iterator[IdKey]:
    """The ids of the mails that these facts are about."""
    for fact in facts:
        if isinstance(fact, FromFact | ToFact):
            yield fact.queue_id, fact.host, fact.instance


class Source:
    """`maillog.raw` as a replay reads it."""

    def __init__(self, settings: Settings, derive: Derive) -> None:
        """Connects when asked."""
        self._settings = settings
        self._derive = derive
        self._topic = topics.RAW.full_name(settings.kafka.prefix)
        self._admin = topic_admin.client(settings)

    def whole(self) -> Spans:
        """What can be read now.

        Raises:
            NotReady: there is no such topic.
            Unreachable, Retry: as the brokers answer.
        """
        _, parts = kafka_log.described(self._admin, self._topic)
        return kafka_log.extents(self._admin, self._topic, parts, committed=True)

    def window(self, whole: Spans, window: Window) -> Spans:
        """The window in offsets.

        Raises:
            BadInput: there is no line in it.
            Unreachable, Retry: as the brokers answer.
        """
        since = found(self._admin, self._topic, whole, window.since)
        until = {part: span.end for part, span in whole.items()}
        if window.until is not None:
            until = found(self._admin, self._topic, whole, window.until)
        spans = {part: Extent(since[part], max(since[part], until[part])) for part in whole}
        if all(span.first == span.end for span in spans.values()):
            raise BadInput("no line came to Kafka in this window; see --since and --until")
        return spans

    def around(self, whole: Spans, window: Spans, since: int) -> tuple[Spans, Spans]:
        """What lies before the window, from this time on (milliseconds), and what behind it."""
        back = kafka_log.at_time(self._admin, self._topic, whole, max(0, since))
        before = {
            part: Extent(min(back[part], span.first), span.first) for part, span in window.items()
        }
        behind = {part: Extent(span.end, whole[part].end) for part, span in window.items()}
        return before, behind

    def read(self, spans: Mapping[int, Extent]) -> Iterator[list[tuple[Derived, int]]]:
        """Lines as derived, each with the time that Kafka got it, some thousands at a time."""
        for messages in raw_lines.read(self._settings, spans):
            yield [self._read_one(message) for message in messages]

    def _read_one(self, message: Any) -> tuple[Derived, int]:
        _, received = message.timestamp()
        origin = (message.partition(), message.offset())
        micros = received * 1000 if received >= 0 else None
        return self._derive(message.value() or b"", origin, micros), received

    def since(self, read: Spans) -> tuple[set[IdKey], Spans]:
        """Ids in lines that came behind what was read, and the whole as it is now."""
        whole = self.whole()
        more = {part: Extent(span.end, whole[part].end) for part, span in read.items()}
        ids = {
            key
            for lines in self.read(more)
            for derived, _ in lines
            for key in ids_of(derived.facts)
        }
        return ids, whole
