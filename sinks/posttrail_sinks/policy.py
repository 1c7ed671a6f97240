"""How long things are kept and waited for, in the units that the store counts in. Pure."""

import msgspec

from posttrail.config import Sink
from posttrail.identity import SECOND

DAY = 86_400 * SECOND
AHEAD_DAYS = 7
"""Partitions are made so many days ahead."""
_OLDEST = 913_593_600 * SECOND
"""1998-12-14: Postfix (then VMailer) was released; no log is older."""
_LONGEST_QUEUED = 400 * DAY
"""A mail on hold may lie long in the queue, but not for ever."""


class Policy(msgspec.Struct, frozen=True):
    """The settings of the sink that the store needs."""

    orphan_us: int = 30 * 60 * SECOND
    """Microseconds that a line waits for the one that opened its mail."""
    generation_days: int = 7
    """Days that facts of short ids are kept."""
    retention_days: int | None = None
    """Days that rows are kept; None: for good."""

    @classmethod
    def of(cls, settings: Sink) -> "Policy":
        """As configured."""
        return cls(
            orphan_us=int(settings.orphan_minutes * 60 * SECOND),
            generation_days=settings.generation_days,
            retention_days=settings.retention_days,
        )

    def oldest(self, now: int) -> int:
        """The beginning of the oldest day that is kept; microseconds since 1970 UTC."""
        if self.retention_days is None:
            return _OLDEST
        return (now // DAY - self.retention_days) * DAY

    def latest(self, now: int) -> int:
        """The latest time that a row may have; microseconds since 1970 UTC."""
        return now + DAY

    def oldest_born(self, now: int) -> int:
        """The oldest birth of a mail that may have rows; with no retention there is no limit."""
        return self.oldest(now) if self.retention_days else 0

    def unfit(self, t: int, now: int) -> str | None:
        """Why no row may stand at this time; None if one may."""
        if t > self.latest(now):
            return "in the future by more than a day"
        if t < self.oldest(now):
            return "older than rows are kept" if self.retention_days else "older than Postfix"
        return None


def unfit_birth(born: int, t: int) -> str | None:
    """Why a line of time t cannot be of a mail with this time in its long id; None if it can."""
    if born > t + DAY:
        return "the queue id holds a time after the line's"
    if born < t - _LONGEST_QUEUED:
        return "the queue id holds a time long before the line's"
    return None
