"""Charts as numbers for the templates: bars by hour, attempts on a time line. Pure, no markup."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from posttrail_answers.report_records import HourCounts
from posttrail_answers.timeline import Step, Timeline

WIDTH = 720
HEIGHT = 180
KINDS = ("delivered", "deferred", "bounced", "rejected")
_MARGIN = 20
_LANE = 40
MOST_LANES = 20


class Piece(msgspec.Struct, frozen=True):
    """One part of a bar: y and height in pixels from the top."""

    kind: str
    y: float
    height: float
    count: int


class Bar(msgspec.Struct, frozen=True):
    """One hour: what was delivered is at the bottom."""

    x: float
    width: float
    start: datetime
    pieces: tuple[Piece, ...]
    label: bool
    """Whether there is room to write its hour below."""


def bars(hours: Sequence[HourCounts]) -> tuple[Bar, ...]:
    """A bar for each hour, as high as its counts; the highest fills the chart."""
    most = max((sum(_counts(hour)) for hour in hours), default=0) or 1
    step = WIDTH / max(len(hours), 1)
    every = max(len(hours) // 8, 1)
    return tuple(
        Bar(
            round(at * step, 2), round(step * 0.8, 2), hour.start, _pieces(hour, most),
            at % every == 0,
        )
        for at, hour in enumerate(hours)
    )  # fmt: skip


def _counts(hour: HourCounts) -> tuple[int, ...]:
    return tuple(getattr(hour, kind) for kind in KINDS)


def _pieces(hour: HourCounts, most: int) -> tuple[Piece, ...]:
    y = float(HEIGHT)
    pieces = []
    for kind, count in zip(KINDS, _counts(hour), strict=True):
        height = count / most * HEIGHT
        y -= height
        if count:
            pieces.append(Piece(kind, round(y, 2), round(height, 2), count))
    return tuple(pieces)


class Mark(msgspec.Struct, frozen=True):
    """One attempt."""

    x: float
    step: Step


class Lane(msgspec.Struct, frozen=True):
    """All attempts for one recipient, at one height."""

    y: float
    recipient: str
    marks: tuple[Mark, ...]


class TimeLine(msgspec.Struct, frozen=True):
    """Attempts from the mail's arrival to the last."""

    lanes: tuple[Lane, ...]
    height: int
    first: datetime
    last: datetime
    left_out: int
    """Recipients for whom there was no room."""


def time_line(timeline: Timeline) -> TimeLine | None:
    """Where each attempt stands between the first and the last step; None: there was none."""
    of: dict[str, list[Step]] = {}
    for step in timeline.steps:
        if step.kind == "attempt" and step.recipient is not None:
            of.setdefault(step.recipient, []).append(step)
    if not of:
        return None
    first = min(step.t for step in timeline.steps)
    last = max(step.t for step in timeline.steps)
    length = (last - first).total_seconds() or 1.0
    room = WIDTH - 2 * _MARGIN
    lanes = tuple(
        Lane(
            _LANE * at + 36, recipient,
            tuple(
                Mark(round(_MARGIN + (step.t - first).total_seconds() / length * room, 1), step)
                for step in steps
            ),
        )
        for at, (recipient, steps) in enumerate(list(of.items())[:MOST_LANES])
    )  # fmt: skip
    return TimeLine(lanes, _LANE * len(lanes) + 40, first, last, max(len(of) - MOST_LANES, 0))
