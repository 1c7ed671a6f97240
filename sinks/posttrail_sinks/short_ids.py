"""What a batch changes about the mails of short ids: facts to keep, facts to move, rows to rebuild.

Pure: works on the stored facts of the ids in the batch and on the new ones. Which mail a fact
belongs to may change when an older line comes late; the rows of both mails are then made anew from
their facts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from posttrail_sinks.generations import Generation, ShortFact, assign, fact_id
from posttrail_sinks.merge import MailKey, Rows
from posttrail_sinks.policy import DAY, Policy

IdKey: TypeAlias = tuple[str, str, str]
"""(queue_id, host, instance)."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A fact as table short_fact holds it."""

    fact: ShortFact
    received: int
    """When it came, microseconds since 1970 UTC."""
    born: int | None
    """Of the mail in whose rows it is merged; None while it waits."""


class Move(msgspec.Struct, frozen=True, gc=False):
    """A stored fact that belongs to another mail than was thought."""

    fact: ShortFact
    old: int | None
    new: int | None


class Span(msgspec.Struct, frozen=True):
    """A mail that has rows, and the time from its first line to its last."""

    born: int
    t_first: int
    t_last: int


class Plan(msgspec.Struct, frozen=True):
    """What a batch changes about mails of short ids."""

    inserts: list[Stored]
    moves: list[Move]
    gone: dict[MailKey, int]
    """Mails whose rows are made anew, and the time of the first of their facts."""
    aside: list[ShortFact]
    """Facts without rows, of mails that are older than rows are kept."""


def id_key(fact: ShortFact) -> IdKey:
    """What all facts share that may be of one mail."""
    return fact.queue_id, fact.host, fact.instance


class Decision:
    """The mails of one id, before and after the batch."""

    def __init__(
        self,
        key: IdKey,
        stored: Sequence[Stored],
        new: Iterable[ShortFact],
        now: int,
        policy: Policy,
    ) -> None:
        """Tell the mails apart.

        Args:
            key: the id.
            stored: the facts kept of it.
            new: its facts in the batch; they may repeat each other and the stored ones.
            now: microseconds since 1970 UTC.
            policy: how long things are kept and waited for.
        """
        self.key = key
        self._now = now
        self._policy = policy
        self._stored = {id(entry.fact): entry for entry in stored}
        known = {fact_id(entry.fact) for entry in stored}
        fresh = {fact_id(fact): fact for fact in new}
        self._new = [fact for identity, fact in fresh.items() if identity not in known]
        facts = [entry.fact for entry in stored]
        facts += self._new
        self._generations = assign(facts, policy.generation_days * DAY)

    def first(self) -> int:
        """The time of the first fact."""
        return self._generations[0].first

    def last(self) -> int:
        """The time of the last fact."""
        return self._generations[-1].last

    def has_forgotten(self) -> bool:
        """Whether facts may be the rest of a mail whose other facts are not kept any more."""
        horizon = self._now - self._policy.generation_days * DAY
        return any(
            generation.first < horizon
            and not generation.arrived
            and not any(id(fact) in self._stored for fact in generation.facts)
            for generation in self._generations
        )

    def without_absorbed(self, spans: Iterable[Span], rows: Rows) -> "Decision":
        """The same without the new facts that lie within a mail that has rows; these get them.

        Only a mail of which no fact is kept any more: where some are, they decide.
        """
        kept = {entry.born for entry in self._stored.values()}
        found = [span for span in spans if span.born not in kept]
        left = []
        for fact in self._new:
            span = next((s for s in found if s.t_first <= fact.t <= s.t_last), None)
            if span is None:
                left.append(fact)
            else:
                rows.add(fact, span.born)
        stored = list(self._stored.values())
        return Decision(self.key, stored, left, self._now, self._policy)

    def enter(self, plan: Plan, rows: Rows) -> None:
        """Put into the plan what is to be kept and moved, and into rows what is to be merged."""
        targets = [self._target(generation) for generation in self._generations]
        gone = self._move(plan, targets) if self._stored else set()
        for generation, target in zip(self._generations, targets, strict=True):
            if target is not None and target < self._policy.oldest_born(self._now):
                plan.aside.extend(fact for fact in generation.facts if not self._is_merged(fact))
            else:
                self._keep(generation, target, gone, plan, rows)

    def _is_merged(self, fact: ShortFact) -> bool:
        entry = self._stored.get(id(fact))
        return entry is not None and entry.born is not None

    def _target(self, generation: Generation) -> int | None:
        """In which mail's rows the facts belong: in none while they wait for the opening line."""
        return None if generation.headless and self._waits(generation) else generation.born

    def _waits(self, generation: Generation) -> bool:
        received = [
            entry.received
            for fact in generation.facts
            if (entry := self._stored.get(id(fact))) is not None
        ]
        return self._now - min(received, default=self._now) < self._policy.orphan_us

    def _move(self, plan: Plan, targets: Sequence[int | None]) -> set[int]:
        """Note the stored facts that move; returns the mails that lose some."""
        gone: set[int] = set()
        for generation, target in zip(self._generations, targets, strict=True):
            for fact in generation.facts:
                entry = self._stored.get(id(fact))
                if entry is None or entry.born == target:
                    continue
                plan.moves.append(Move(fact, entry.born, target))
                if entry.born is not None:
                    gone.add(entry.born)
        for born in gone:
            of_mail = (entry for entry in self._stored.values() if entry.born == born)
            plan.gone[*self.key, born] = min(entry.fact.t for entry in of_mail)
        return gone

    def _keep(
        self, generation: Generation, target: int | None, gone: set[int], plan: Plan, rows: Rows
    ) -> None:
        for fact in generation.facts:
            entry = self._stored.get(id(fact))
            if entry is None:
                plan.inserts.append(Stored(fact, self._now, target))
            if target is None:
                continue
            if entry is None or entry.born != target or target in gone:
                rows.add(fact, target)


def decide(
    stored: Mapping[IdKey, Sequence[Stored]],
    new: Mapping[IdKey, Iterable[ShortFact]],
    now: int,
    policy: Policy,
) -> list[Decision]:
    """One decision for every id in the batch."""
    return [
        Decision(key, stored.get(key, ()), facts, now, policy) for key, facts in new.items()
    ]  # fmt: skip


def plan(decisions: Iterable[Decision], rows: Rows) -> Plan:
    """What is to be stored; what is to be merged is added to `rows`."""
    made = Plan([], [], {}, [])
    for decision in decisions:
        decision.enter(made, rows)
    return made
