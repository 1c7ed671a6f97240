"""What becomes of a batch of lines: facts and dead letters to send, and their tally. Pure.

No input raises: an unexpected exception is a bug, which must not stop the cluster; its line
becomes a dead letter, which a later version takes up again.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from posttrail import topics
from posttrail.config import Processor
from posttrail.dead_letters import DeadLetter, Headers, headers
from posttrail.identity import deliveries_key
from posttrail.records import AnyFact, GapFact, LineClass, Origin, encode_fact
from posttrail_processors.lines import Outcome, Rules, read_line
from posttrail_processors.progress import Batch, RawRecord

Reader: TypeAlias = Callable[[bytes, Origin, int | None], Outcome]
"""Reads one line: the line, its origin, when Kafka got it (microseconds since 1970 UTC)."""


class Outgoing(NamedTuple):
    """A record to send."""

    key: bytes | None
    value: bytes
    headers: Headers
    timestamp: int | None
    """Milliseconds since 1970 UTC; None: now."""


class Tally:
    """How many lines became what; adds up to the lines read."""

    def __init__(self) -> None:
        self.lines: Counter[LineClass] = Counter()
        self.ignored: Counter[tuple[str, str]] = Counter()
        """By (component, action)."""
        self.facts: Counter[type[AnyFact]] = Counter()

    def total(self) -> int:
        """The lines read."""
        return self.lines.total()


class Bug(msgspec.Struct, frozen=True):
    """An exception that reading a line raised. Without its message, which may quote the line."""

    origin: Origin
    error: str
    """The exception's type and the place in our code: `ValueError in qmgr.py:112`."""


class Reading(msgspec.Struct):
    """What became of a batch."""

    facts: list[Outgoing]
    letters: list[Outgoing]
    bugs: list[Bug]
    tally: Tally


_NO_HEADERS: Headers = []


def reader_of(processor: Processor) -> Reader:
    """The parser of today, with the rules of the settings."""
    rules = Rules(processor.verp_marker, processor.relay_tags)
    return lambda line, origin, received: read_line(line, origin, rules, received)


def read(batch: Batch, reader: Reader) -> Reading:
    """Read every line of a batch."""
    reading = Reading([], [], [], Tally())
    partition = batch.partition[1]
    for record in batch.records:
        origin = (partition, record.offset)
        try:
            outcome = reader(record.value or b"", origin, microseconds(record.timestamp))
            sent = [outgoing_fact(fact) for fact in outcome.facts]
        except Exception as error:  # noqa: BLE001  # a bug in the parser must not stop the cluster
            bug = Bug(origin, place_of(error))
            reading.bugs.append(bug)
            reading.letters.append(_letter(batch, record, f"internal error: {bug.error}"))
            reading.tally.lines["dead"] += 1
            continue
        if outcome.cls == "dead":
            reading.letters.append(_letter(batch, record, outcome.reason or ""))
        reading.facts += sent
        _count(reading.tally, outcome)
    return reading


def read_lost(batch: Batch, now: int, host: str) -> Reading:
    """What tells of lines that were gone before a worker read them.

    `now` in microseconds since 1970 UTC; `host`: where the worker runs, for those of the lines are
    gone with them. How many is not known: the offsets between may be transaction markers.
    """
    gap = GapFact(
        t=now,
        host=host,
        origin=(-1 - batch.partition[1], batch.start),  # of no raw line: below 0
        source=topics.RAW.name,
        reason=f"up to {batch.end - batch.start} lines were gone before a processor read them",
    )
    return Reading([outgoing_fact(gap)], [], [], Tally())


def microseconds(milliseconds: int | None) -> int | None:
    """Kafka's timestamp in posttrail's unit; -1 is Kafka's word for none."""
    return None if milliseconds is None or milliseconds < 0 else milliseconds * 1000


def outgoing_fact(fact: AnyFact) -> Outgoing:
    """The record of a fact."""
    return Outgoing(deliveries_key(fact), encode_fact(fact), _NO_HEADERS, None)


def outgoing_letter(letter: DeadLetter) -> Outgoing:
    """The record of a dead letter; it keeps the time of the original."""
    return Outgoing(letter.key, letter.value, headers(letter), letter.received)


def place_of(error: Exception) -> str:
    """An exception's type and where it was raised, without its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = Path(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} in {file}:{trace.tb_lineno}"


def _letter(batch: Batch, record: RawRecord, reason: str) -> Outgoing:
    topic, partition = batch.partition
    return outgoing_letter(
        DeadLetter(
            value=record.value or b"",
            key=record.key,
            reason=reason,
            stage="process",
            topic=topic,
            origin=(partition, record.offset),
            received=record.timestamp,
        )
    )


def _count(tally: Tally, outcome: Outcome) -> None:
    tally.lines[outcome.cls] += 1
    for fact in outcome.facts:
        tally.facts[type(fact)] += 1
    if outcome.cls == "ignored" and outcome.parsed is not None:
        tally.ignored[outcome.parsed.component or "", outcome.parsed.action] += 1
