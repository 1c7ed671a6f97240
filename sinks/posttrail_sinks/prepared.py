"""A batch of facts, sorted by what each needs, as far as that needs no database. Pure."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from posttrail.identity import born_of_long_id, is_long, is_short
from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact
from posttrail_sinks.generations import ShortFact
from posttrail_sinks.merge import IdKey, Rows
from posttrail_sinks.policy import Policy, unfit_birth
from posttrail_sinks.short_ids import Decided, decide


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
    of_ids: defaultdict[IdKey, list[ShortFact]] = defaultdict(list)
    for fact in facts:
        if not earliest <= fact.t <= latest:
            prepared.aside.append((fact, policy.unfit(fact.t, now) or ""))
        elif isinstance(fact, _OF_MAIL):
            of_ids[fact.queue_id, fact.host, fact.instance].append(fact)
        elif isinstance(fact, NoqueueFact):
            prepared.noqueue.append(fact)
        else:
            prepared.gaps.append(fact)
    for key, of_id in of_ids.items():
        _sort_by_id(key, of_id, prepared, policy)
    for decision in decide({}, prepared.short, now, policy):
        prepared.fresh.add(decision)
    return prepared


def waiting(ids: Iterable[IdKey], now: int) -> Prepared:
    """A batch without facts: what these ids wait for is decided anew."""
    return Prepared(now, Rows(), {key: [] for key in ids}, Decided.by(()), [], [], [])


_OF_MAIL = (FromFact, ToFact)


def _sort_by_id(key: IdKey, facts: list[ShortFact], into: Prepared, policy: Policy) -> None:
    queue_id = key[0]
    if is_long(queue_id):
        _merge(key, facts, into, policy)
    elif is_short(queue_id):
        into.short[key] = facts
    else:
        into.aside.extend((fact, "not a queue id") for fact in facts)


def _merge(key: IdKey, facts: list[ShortFact], into: Prepared, policy: Policy) -> None:
    """Facts of a mail whose id tells when it was born."""
    born = born_of_long_id(key[0])
    unfit = policy.unfit(born, into.now)
    fit = []
    for fact in facts:
        if reason := unfit_birth(born, fact.t) or unfit:
            into.aside.append((fact, reason))
        else:
            fit.append(fact)
    if fit:
        into.rows.add_all(fit, (*key, born))
