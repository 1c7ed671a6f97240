"""What a batch changes about the mails of short ids: facts to keep, facts to move, rows to rebuild.

Pure: works on the stored facts of the ids in the batch and on the new ones. Which mail a fact
belongs to may change when an older line comes late; the rows of both mails are then made anew from
their facts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from posttrail_sinks.generations import Generation, ShortFact, assign, fact_id
from posttrail_sinks.merge import IdKey, MailKey, Rows
from posttrail_sinks.policy import DAY, Policy


class Bundle(msgspec.Struct, frozen=True, gc=False):
    """Facts of one id as a row of table short_bundle holds them: they share all but their text."""

    facts: list[ShortFact]
    """At least one; the first names the row."""
    received: int
    """When they came, microseconds since 1970 UTC."""
    born: int | None
    """Of the mail in whose rows they are merged; None while they wait."""


class Span(msgspec.Struct, frozen=True):
    """A mail that has rows, and the time from its first line to its last."""

    born: int
    t_first: int
    t_last: int


class Plan(msgspec.Struct, frozen=True):
    """What a batch changes about mails of short ids."""

    inserts: list[Bundle]
    undone: list[Bundle]
    """Stored bundles of which facts belong to another mail than was thought; others take their
    place."""
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
        stored: Sequence[Bundle],
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
        self._stored = stored
        self._bundles = {id(fact): bundle for bundle in stored for fact in bundle.facts}
        facts = {fact_id(fact): fact for bundle in stored for fact in bundle.facts}
        known = len(facts)
        for fact in new:
            facts.setdefault(fact_id(fact), fact)
        every = list(facts.values())
        self._new = every[known:]
        self._generations = assign(every, policy.generation_days * DAY)

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
            and not any(id(fact) in self._bundles for fact in generation.facts)
            for generation in self._generations
        )

    def without_absorbed(self, spans: Iterable[Span], rows: Rows) -> "Decision":
        """The same without the new facts that lie within a mail that has rows; these get them.

        Only a mail of which no fact is kept any more: where some are, they decide.
        """
        kept = {bundle.born for bundle in self._stored}
        found = [span for span in spans if span.born not in kept]
        left = []
        for fact in self._new:
            span = next((s for s in found if s.t_first <= fact.t <= s.t_last), None)
            if span is None:
                left.append(fact)
            else:
                rows.add(fact, span.born)
        return Decision(self.key, self._stored, left, self._now, self._policy)

    def enter(self, plan: Plan, rows: Rows) -> None:
        """Put into the plan what is to be kept and moved, and into rows what is to be merged."""
        targets = [self._target(generation) for generation in self._generations]
        gone = self._move(plan, targets) if self._stored else set()
        for generation, target in zip(self._generations, targets, strict=True):
            if target is not None and target < self._policy.oldest_born(self._now):
                plan.aside.extend(fact for fact in generation.facts if not self._has_rows(fact))
            else:
                self._keep(generation, target, gone, plan, rows)

    def _has_rows(self, fact: ShortFact) -> bool:
        bundle = self._bundles.get(id(fact))
        return bundle is not None and bundle.born is not None

    def _is_merged(self, fact: ShortFact, target: int) -> bool:
        bundle = self._bundles.get(id(fact))
        return bundle is not None and bundle.born == target

    def _target(self, generation: Generation) -> int | None:
        """In which mail's rows the facts belong: in none while they wait for the opening line."""
        return None if generation.headless and self._waits(generation) else generation.born

    def _waits(self, generation: Generation) -> bool:
        received = [
            self._bundles[id(fact)].received
            for fact in generation.facts
            if id(fact) in self._bundles
        ]
        return self._now - min(received, default=self._now) < self._policy.orphan_us

    def _move(self, plan: Plan, targets: Sequence[int | None]) -> set[int]:
        """Bundle the stored facts that move anew; returns the mails that lose some."""
        target_of = {
            id(fact): target
            for generation, target in zip(self._generations, targets, strict=True)
            for fact in generation.facts
        }
        gone: set[int] = set()
        for bundle in self._stored:
            parts: dict[int | None, list[ShortFact]] = {}
            for fact in bundle.facts:
                # A fact that is stored twice is not among the generations' facts twice.
                target = target_of.get(id(fact), bundle.born)
                parts.setdefault(target, []).append(fact)
            if parts.keys() == {bundle.born}:
                continue
            plan.undone.append(bundle)
            plan.inserts.extend(Bundle(part, bundle.received, born) for born, part in parts.items())
            if bundle.born is not None:
                gone.add(bundle.born)
        for born in gone:
            facts = (fact for one in self._stored if one.born == born for fact in one.facts)
            plan.gone[*self.key, born] = min(fact.t for fact in facts)
        return gone

    def _keep(
        self, generation: Generation, target: int | None, gone: set[int], plan: Plan, rows: Rows
    ) -> None:
        bundles = self._bundles
        fresh = generation.facts
        if bundles:
            fresh = [fact for fact in fresh if id(fact) not in bundles]
        if fresh:
            plan.inserts.append(Bundle(fresh, self._now, target))
        if target is None:
            return
        merged = generation.facts
        if bundles and target not in gone:
            merged = [fact for fact in merged if not self._is_merged(fact, target)]
        if merged:
            rows.add_all(merged, (*self.key, target))


def decide(
    stored: Mapping[IdKey, Sequence[Bundle]],
    new: Mapping[IdKey, Iterable[ShortFact]],
    now: int,
    policy: Policy,
) -> list[Decision]:
    """One decision for every id in the batch."""
    return [
        Decision(key, stored.get(key, ()), facts, now, policy) for key, facts in new.items()
    ]  # fmt: skip


class Decided(msgspec.Struct, frozen=True):
    """What is to be stored, and what is to be merged."""

    plan: Plan
    rows: Rows
    doubtful: set[IdKey]
    """Ids whose facts may be the rest of a mail of which only rows are kept."""

    @classmethod
    def by(cls, decisions: Iterable[Decision]) -> "Decided":
        """What these decisions come to."""
        made = cls(Plan([], [], {}, []), Rows(), set())
        for decision in decisions:
            made.add(decision)
        return made

    def add(self, decision: Decision) -> None:
        """One decision more."""
        decision.enter(self.plan, self.rows)
        if decision.has_forgotten():
            self.doubtful.add(decision.key)

    def without(self, ids: Collection[IdKey]) -> "Decided":
        """The same without some ids of which nothing was stored."""
        plan = Plan(
            [bundle for bundle in self.plan.inserts if id_key(bundle.facts[0]) not in ids],
            self.plan.undone,
            self.plan.gone,
            [fact for fact in self.plan.aside if id_key(fact) not in ids],
        )
        return Decided(plan, self.rows.without(ids), self.doubtful.difference(ids))
