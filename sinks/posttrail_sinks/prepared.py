"""A batch of facts, sorted by what each needs, as far as that needs no database. Pure."""

from collections.abc import Iterable

import msgspec

from posttrail.identity import born_of_long_id, is_long, is_short
from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact
from posttrail_sinks.generations import ShortFact
from posttrail_sinks.merge import Rows
from posttrail_sinks.policy import Policy, unfit_birth
from posttrail_sinks.short_ids import IdKey, id_key


class Prepared(msgspec.Struct, frozen=True):
    """A sorted batch."""

    now: int
    """When it was received, microseconds since 1970 UTC."""
    rows: Rows
    """Mails of long ids, merged."""
    short: dict[IdKey, list[ShortFact]]
    """Facts of short ids: whose they are depends on the stored ones."""
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
    prepared = Prepared(now, Rows(), {}, [], [], [])
    for fact in facts:
        if reason := policy.unfit(fact.t, now):
            prepared.aside.append((fact, reason))
        elif isinstance(fact, FromFact | ToFact):
            _sort_by_id(fact, prepared, policy)
        elif isinstance(fact, NoqueueFact):
            prepared.noqueue.append(fact)
        else:
            prepared.gaps.append(fact)
    return prepared


def _sort_by_id(fact: ShortFact, into: Prepared, policy: Policy) -> None:
    if is_short(fact.queue_id):
        into.short.setdefault(id_key(fact), []).append(fact)
    elif not is_long(fact.queue_id):
        into.aside.append((fact, "not a queue id"))
    else:
        born = born_of_long_id(fact.queue_id)
        if reason := unfit_birth(born, fact.t) or policy.unfit(born, into.now):
            into.aside.append((fact, reason))
        else:
            into.rows.add(fact, born)
