"""Which mail is meant by a short queue id: the mails of one id are told apart by all its lines.

A pure function of the set of facts of one (host, instance, queue id): the order in which they came
does not matter. Knows no table and no clock. What Postfix does (global/mail_queue.c): a short id is
the microseconds of the queue file's birth and its inode; the inode, and so the id, is free again
once the file is removed.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import TypeAlias

from posttrail.identity import SECOND, born_of_short_id, opener
from posttrail.records import FromFact, Origin, ToFact

ShortFact: TypeAlias = FromFact | ToFact
FactId: TypeAlias = tuple[Origin, int, type]
"""Origin, ordinal, from or to: one per fact."""

LATE = 10 * SECOND
"""How much later than it happened a line may be logged: daemons write independently."""
INTAKE_PAUSE = 3600 * SECOND
"""How long a client may pause between its recipients and the message."""

_CLOSING = frozenset({"removed", "canceled"})
_VERDICTS = frozenset({"rejected", "discarded"})
_INTAKE = frozenset({"smtpd", "qmqpd", "pickup", "cleanup"})


def kind(fact: ShortFact) -> str:
    """`from` or `to`: one line can give one of each with the same origin and ordinal."""
    return "from" if isinstance(fact, FromFact) else "to"


def fact_id(fact: ShortFact) -> FactId:
    """What makes a fact that comes again the same fact."""
    return fact.origin, fact.ordinal, fact.__class__


def _order(fact: ShortFact) -> tuple[int, Origin, bool, int]:
    return fact.t, fact.origin, fact.__class__ is ToFact, fact.ordinal


def born_of(fact: ShortFact) -> int:
    """When a mail was born that this line opened, microseconds since 1970 UTC.

    A stamp in whole seconds stands for the whole second; one with a fraction may be cut to
    milliseconds.
    """
    tolerance = SECOND - 1 if fact.t % SECOND == 0 else 1000
    return born_of_short_id(fact.queue_id, fact.t, tolerance)


def _opening(fact: ShortFact) -> str | None:
    """`arrival`, `mention` or None; every line of cleanup is from a mail's beginning."""
    if fact.component == "cleanup":
        return "mention"
    return opener(fact) if isinstance(fact, FromFact) else None


class Generation:
    """One mail of a short id."""

    __slots__ = (
        "arrived",
        "begun",
        "born",
        "closed",
        "delivering",
        "facts",
        "first",
        "headless",
        "last",
    )

    def __init__(self, opened_by: ShortFact) -> None:
        self.born = born_of(opened_by)
        self.first = self.last = opened_by.t
        self.arrived = False
        """Whether the line that only a new mail has is among the facts."""
        self.headless = True
        """Whether no line is there that can open a mail."""
        self.begun = False
        """Whether a line of its making is among the facts: its birth is exact."""
        self.delivering: int | None = None
        """Since when lines are logged that come after the queueing."""
        self.closed: int | None = None
        """When the queue file was removed."""
        self.facts: list[ShortFact] = []

    def add(self, fact: ShortFact, opening: str | None) -> None:
        """Take the next fact in order."""
        self.facts.append(fact)
        self.last = fact.t
        if opening is not None:
            self.headless = False
            self.arrived = self.arrived or opening == "arrival"
        if fact.component in _INTAKE:
            self.begun = True
        elif self.delivering is None:
            self.delivering = fact.t
        if self.closed is None and isinstance(fact, FromFact):
            self._close(fact)

    def _close(self, fact: FromFact) -> None:
        if fact.removed_at is not None or fact.status in _CLOSING:
            self.closed = fact.t
        elif fact.status in _VERDICTS:
            self.closed = fact.t + LATE  # cleanup may say more before the file goes

    def holds(self, fact: ShortFact, opening: str | None, lifetime: int) -> bool:
        """Whether the next fact in order belongs to this mail, and not to a younger one."""
        # Ids are given in order: no younger mail can be that old.
        return self._goes_on(fact, opening, lifetime) or born_of(fact) <= self.born

    def _goes_on(self, fact: ShortFact, opening: str | None, lifetime: int) -> bool:
        """The same, whatever birth the fact would tell."""
        if opening == "arrival":
            return self._is_late_arrival(fact)
        if self.closed is None:
            is_alive = fact.t - self.last <= lifetime
            return is_alive and (fact.component != "cleanup" or self._is_being_made(fact.t))
        # The id cannot have been free before the removal.
        return fact.t <= self.closed + LATE if opening is None else born_of(fact) < self.closed

    def _is_late_arrival(self, fact: ShortFact) -> bool:
        """pickup and smtpd may log after cleanup did, which had opened the mail then."""
        if self.arrived:
            return False
        return fact.t - self.first <= LATE if self.closed is None else born_of(fact) < self.closed

    def _is_being_made(self, t: int) -> bool:
        """cleanup is done with a mail before it is delivered."""
        delivered = self.delivering is not None and t > self.delivering + LATE
        return not delivered and t - self.last <= INTAKE_PAUSE


def assign(facts: Iterable[ShortFact], lifetime: int) -> list[Generation]:
    """The mails of one short id, oldest first, each with its facts.

    Args:
        facts: all facts of one (host, instance, queue id), each once, in any order.
        lifetime: microseconds after which silence ends a mail: more than Postfix's
            maximal_queue_lifetime.
    """
    generations: list[Generation] = []
    for fact in sorted(facts, key=_order):
        opening = _opening(fact)
        if not generations or not generations[-1].holds(fact, opening, lifetime):
            generations.append(Generation(fact))
        generations[-1].add(fact, opening)
    return _settled(generations)


def _settled(generations: list[Generation]) -> list[Generation]:
    """Lines that were logged before the one that opened their mail, but after its birth."""
    for older, younger in pairwise(generations):
        if younger.begun and older.last >= younger.born:
            early = [fact for fact in older.facts if fact.t >= younger.born]
            older.facts = [fact for fact in older.facts if fact.t < younger.born]
            younger.facts = early + younger.facts
            younger.first = min(fact.t for fact in younger.facts)
    return [generation for generation in generations if generation.facts]
