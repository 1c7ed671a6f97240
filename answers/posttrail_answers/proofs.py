"""The raw lines that prove each step of a timeline, and the connection that the mail came by.

Which line belongs to which step is pure. Where Kafka does not have them any more, or cannot be
asked, the timeline stays and says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from posttrail import carriers
from posttrail.carriers import Head
from posttrail.config import Settings
from posttrail.errors import PosttrailError
from posttrail.records import Origin
from posttrail_answers.raw_lines import NEAR, reading_raw
from posttrail_answers.timeline import Kind, Line, Step, Timeline, in_order

MOST_LINES = 2000
"""Of one mail: a list with thousands of recipients has more. The first and the newest are shown."""
_FIRST = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_SESSION: tuple[tuple[str, Kind, str], ...] = (
    ("connect from ", "connect", "the client connects"),
    ("TLS connection established from ", "tls", "the connection is encrypted"),
    ("disconnect from ", "disconnect", "the client disconnects"),
)


class Read(msgspec.Struct, frozen=True):
    """What was read for some mails."""

    lines: Mapping[Origin, str]
    near: Mapping[Origin, str]
    """Around the lines by which smtpd gave the mails their ids."""
    trouble: str | None = None
    """What ended the reading; what came before is there."""


def proven(settings: Settings, timelines: Sequence[Timeline]) -> list[Timeline]:
    """The timelines with their lines, as far as Kafka keeps them; `missing` says what is not there.

    One consumer reads for all of them, within one bound.
    """
    read = _read(settings, timelines)
    return [shown(timeline, read) for timeline in timelines]


def _read(settings: Settings, timelines: Sequence[Timeline]) -> Read:
    lines: dict[Origin, str] = {}
    near: dict[Origin, str] = {}
    asked = {origin for timeline in timelines for origin in within_bounds(timeline.origins)}
    if not asked:
        return Read(lines, near)
    try:
        with reading_raw(settings) as raw:
            raw.fetch(asked, lines)
            openers = {_opener(timeline, lines) for timeline in timelines}
            raw.around({opener for opener in openers if opener is not None}, near)
    except PosttrailError as error:
        return Read(lines, near, str(error))
    return Read(lines, near)


def shown(timeline: Timeline, read: Read) -> Timeline:
    """One of the timelines with its part of what was read. Pure."""
    asked = within_bounds(timeline.origins)
    if not asked:
        return _lacking(timeline, "the tables do not name the lines of this mail")
    found = {origin: read.lines[origin] for origin in asked if origin in read.lines}
    if read.trouble is not None and not found:
        return _lacking(timeline, f"raw lines cannot be shown: {read.trouble}")
    complete, opener = with_lines(timeline, found), _opener(timeline, found)
    if opener is not None:
        complete = with_session(complete, opener, _beside(opener, read.near))
    reasons = _reasons(len(timeline.origins), len(asked), len(found), read.trouble)
    if len(found) == len(asked) and opener is not None and opener not in read.near:
        reasons.append(f"the client's connection cannot be shown: {read.trouble}")
    return _lacking(complete, "; ".join(reasons)) if reasons else complete


def within_bounds(origins: Sequence[Origin]) -> Sequence[Origin]:
    """Those that are asked for. Pure."""
    if len(origins) <= MOST_LINES:
        return origins
    return [*origins[:_FIRST], *origins[_FIRST - MOST_LINES :]]


def _reasons(known: int, asked: int, found: int, trouble: str | None) -> list[str]:
    """Why lines are not shown: there are too many, or Kafka does not give them."""
    reasons = []
    if asked < known:
        reasons.append(f"{known - asked} of {known} raw lines are left out: no more are shown")
    if found < asked and trouble is not None:
        reasons.append(f"{asked - found} of {asked} raw lines cannot be shown: {trouble}")
    elif found < asked:
        reasons.append(f"{asked - found} of {asked} raw lines are not in Kafka any more")
    return reasons


def _beside(opener: Origin, near: Mapping[Origin, str]) -> dict[Origin, str]:
    partition, offset = opener
    origins = ((partition, beside) for beside in range(offset - NEAR, offset + NEAR + 1))
    return {origin: near[origin] for origin in origins if origin in near}


def _lacking(timeline: Timeline, why: str) -> Timeline:
    return msgspec.structs.replace(timeline, missing=why)


def _opener(timeline: Timeline, found: Mapping[Origin, str]) -> Origin | None:
    """The line by which smtpd gave the mail its id."""
    start = f"{timeline.key.queue_id}: client="
    for origin in within_bounds(timeline.origins):
        head = carriers.split(found[origin]) if origin in found else None
        if head is not None and head.message.startswith(start):
            return origin
    return None


def with_lines(timeline: Timeline, found: Mapping[Origin, str]) -> Timeline:
    """Each line at the step that it proves. Pure."""
    steps = list(timeline.steps)
    for origin in sorted(found):
        line, head = Line(origin=origin, text=found[origin]), carriers.split(found[origin])
        at = _place(steps, origin, head)
        if at is None:
            steps.append(_taken_up(timeline, line, head))
        else:
            steps[at] = _with_line(steps[at], line, head)
    return msgspec.structs.replace(timeline, steps=in_order(steps))


def _with_line(step: Step, line: Line, head: Head | None) -> Step:
    component = step.component
    if head is not None and not step.lines:
        component = head.tag.rpartition("/")[2]
    return msgspec.structs.replace(step, lines=(*step.lines, line), component=component)


def _place(steps: Sequence[Step], origin: Origin, head: Head | None) -> int | None:
    """Which step; None: qmgr takes the mail up, which is a step of its own."""
    for at, step in enumerate(steps):
        if step.origin == origin:
            return at
    message = "" if head is None else head.message
    if " from=<" in message and message.endswith(")") and "nrcpt=" in message:
        return None
    kind = _kind(message)
    for at, step in enumerate(steps):
        if step.kind == kind and (kind not in _NAMED or step.text.endswith(_last_word(message))):
            return at
    return _before(steps, head)


_NAMED: tuple[Kind, ...] = ("bounce", "delay", "dsn")


def _last_word(message: str) -> str:
    return " " + message.rpartition(" ")[2]


def _kind(message: str) -> Kind:
    said: tuple[tuple[str, Kind], ...] = (
        (" non-delivery notification: ", "bounce"),
        (" delay notification: ", "delay"),
        (" delivery status notification: ", "dsn"),
        (": placed on hold", "held"),
        (": hold: ", "held"),
        (", status=expired", "expired"),
        (", status=force-expired", "expired"),
    )
    for text, kind in said:
        if text in message:
            return kind
    return "removed" if message.endswith(": removed") else "arrival"


def _before(steps: Sequence[Step], head: Head | None) -> int:
    """The last step that is not later than the line: what the line adds belongs there."""
    t = None if head is None else head.t
    at = 0
    for number, step in enumerate(steps):
        if t is not None and step.t <= _EPOCH + timedelta(microseconds=t):
            at = number
    return at


def _taken_up(timeline: Timeline, line: Line, head: Head | None) -> Step:
    t = timeline.mail.t_first
    if head is not None and head.t is not None:
        t = _EPOCH + timedelta(microseconds=head.t)
    return Step(
        t=t, host=timeline.key.host, kind="active", component="qmgr",
        text="taken up for delivery", lines=(line,),
    )  # fmt: skip


def with_session(timeline: Timeline, opener: Origin, near: Mapping[Origin, str]) -> Timeline:
    """Connect, TLS and disconnect of the client, from the lines around the opener. Pure."""
    heads = {origin: carriers.split(text) for origin, text in sorted(near.items())}
    own = heads.get(opener)
    if own is None:
        return timeline
    same = [
        (origin, head)
        for origin, head in heads.items()
        if head is not None and (head.host, head.tag, head.pid) == (own.host, own.tag, own.pid)
    ]
    steps = list(timeline.steps)
    for origin, head in _session(same, opener):
        steps += _session_step(timeline, Line(origin=origin, text=near[origin]), head)
    return msgspec.structs.replace(timeline, steps=in_order(steps))


def _session(same: Iterable[tuple[Origin, Head]], opener: Origin) -> list[tuple[Origin, Head]]:
    """One process serves one client after another: from its connect to its disconnect."""
    session: list[tuple[Origin, Head]] = []
    for origin, head in same:
        if head.message.startswith("connect from "):
            if origin > opener:
                break
            session = []
        session.append((origin, head))
        if head.message.startswith("disconnect from ") and origin > opener:
            break
    return session


def _session_step(timeline: Timeline, line: Line, head: Head) -> list[Step]:
    t = timeline.mail.t_first
    if head.t is not None:
        t = _EPOCH + timedelta(microseconds=head.t)
    return [
        Step(
            t=t, host=timeline.key.host, kind=kind, text=text, component="smtpd",
            origin=line.origin, lines=(line,),
        )
        for start, kind, text in _OF_SESSION
        if head.message.startswith(start)
        or (kind == "tls" and start in head.message.partition("[")[0])
    ]  # fmt: skip
