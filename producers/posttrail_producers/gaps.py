"""The line that says that lines are missing; the processor makes a gap fact of it. Pure."""

import os

from posttrail import metrics
from posttrail.stamps import Settled, rfc3339
from posttrail_producers.source import Record

TAG = "posttrail/producer"


def gap_record(at: int, host: bytes, source: str, lines: int | None, reason: str) -> Record:
    """A raw record: `gap: lines=<N|unknown> source=<S> reason=<text>`.

    Args:
        at: microseconds since 1970 UTC.
        host: whose lines are missing.
        source: which source lost them; spaces in it become `_`.
        lines: how many; None: nobody can know.
        reason: one line of text.
    """
    stamp = rfc3339(Settled(at, 0), micros=True)
    count = "unknown" if lines is None else lines
    name = "_".join(source.split())
    text = f" {TAG}[{os.getpid()}]: gap: lines={count} source={name} reason={reason}"
    return host, stamp.encode() + b" " + host + text.encode("utf-8", "surrogateescape")


def count_gap(source: str, reason: str) -> None:
    """Count a gap; `reason` is one of few words, for it is a label."""
    metrics.PRODUCER_GAPS.labels(source, reason).inc()
