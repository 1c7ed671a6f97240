"""A batch of facts, sorted by what each needs, as far as that needs no database. Pure."""

from collections.abc import Iterable

import msgspec

from posttrail.identity import born_of_long_id, is_long, is_short
from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact
from posttrail_sinks.generations import ShortFact
from posttrail_sinks.merge import IdKey, Rows
from posttrail_sinks.policy import Policy, unfit_birth
from posttrail_sinks.short_ids import Decided, decide, id_key


class Prepared(msgspec.Struct, frozen=True):
    """A sorted batch."""

    now: int
    """When it was received, microseconds since 1970 UTC."""
    rows: Rows
    """Mails of long ids, merged."""
    short: dict[IdKey, list[ShortFact]]
    """Facts of short ids: whose they are depends on the stored ones."""
    fresh: Decided
    """What they come to where none of their ids has stored facts, as is true of most."""
    noqueue: list[NoqueueFact]
    gaps: list[GapFact]
    aside: list[tuple[AnyFact, str]]
    """Facts that no row may hold, each with the reason."""


def prepare(facts: Iterable[AnyFact], now: int, policy: Policy) -> Prepared:
    """Sort and merge a batch, in any order.

    Args:
        facts: the batch.
        now: when it was received, microseconds since 1970 UTC.
        policy: how long rows are kept.
    """
    prepared = Prepared(now, Rows(), {}, Decided.by(()), [], [], [])
    earliest, latest = policy.oldest(now), policy.latest(now)
    births: dict[str, int | None] = {}
    for fact in facts:
        if not earliest <= fact.t <= latest:
            prepared.aside.append((fact, policy.unfit(fact.t, now) or ""))
        elif isinstance(fact, _OF_MAIL):
            _sort_by_id(fact, prepared, policy, births)
        elif isinstance(fact, NoqueueFact):
            prepared.noqueue.append(fact)
        else:
            prepared.gaps.append(fact)
    for decision in decide({}, prepared.short, now, policy):
        prepared.fresh.add(decision)
    return prepared


def waiting(ids: Iterable[IdKey], now: int) -> Prepared:
    """A batch without facts: what these ids wait for is decided anew."""
    return Prepared(now, Rows(), {key: [] for key in ids}, Decided.by(()), [], [], [])


_OF_MAIL = (FromFact, ToFact)


def _sort_by_id(
    fact: ShortFact, into: Prepared, policy: Policy, births: dict[str, int | None]
) -> None:
    """`births`: what the long ids of the batch say; None for others."""
    queue_id = fact.queue_id
    if queue_id not in births:
        births[queue_id] = born_of_long_id(queue_id) if is_long(queue_id) else None
    born = births[queue_id]
    if born is not None:
        if reason := unfit_birth(born, fact.t) or policy.unfit(born, into.now):
            into.aside.append((fact, reason))
        else:
            into.rows.add(fact, born)
    elif is_short(queue_id):
        into.short.setdefault(id_key(fact), []).append(fact)
    else:
        into.aside.append((fact, "not a queue id"))
