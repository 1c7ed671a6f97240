"""Rows of a batch into the session's own tables: COPY takes no lock that others could want.

A stage is made when it is first needed: COMMIT empties every stage there is, 0.2 ms each.
"""

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact, encode_fact
from posttrail_sinks.copy_rows import mail_line, recipient_line
from posttrail_sinks.copy_text import NULL, Value, copy_in, is_plain, line
from posttrail_sinks.generations import ShortFact, kind
from posttrail_sinks.merge import IdKey, Rows
from posttrail_sinks.packing import gap_id, noqueue_id
from posttrail_sinks.prepared import Prepared
from posttrail_sinks.queries import query
from posttrail_sinks.short_ids import Bundle, Plan, id_key

_noqueue_of = attrgetter(
    "host", "instance", "component", "service", "pid", "action", "phase", "client_name",
    "client_addr", "client_port", "sender", "recipient", "proto", "helo", "sasl_method",
    "sasl_username", "sasl_sender", "code", "dsn", "reason", "ambiguous",
)  # fmt: skip


_key_of = attrgetter("key")
_encode = msgspec.json.Encoder().encode
_BUNDLE_TABS = 9


def _noqueue(fact: NoqueueFact) -> str:
    return line([fact.t, noqueue_id(fact), *fact.origin, fact.ordinal, *_noqueue_of(fact)])


def _gap(fact: GapFact) -> str:
    place = (fact.t, gap_id(fact), *fact.origin, fact.ordinal)
    return line([*place, fact.host, fact.source, fact.lines, fact.reason])


def _kind(fact: AnyFact) -> str:
    if isinstance(fact, FromFact | ToFact):
        return kind(fact)
    return "noqueue" if isinstance(fact, NoqueueFact) else "gap"


def _aside(fact: AnyFact, reason: str, now: int) -> str:
    text = encode_fact(fact).decode()
    # A time that is out of PostgreSQL's range would make the whole batch fail.
    t = min(max(fact.t, 0), 253_402_300_799_999_999)
    return line([t, now, *fact.origin, fact.ordinal, _kind(fact), reason, text])


def _identity(fact: ShortFact) -> list[Value]:
    return [*id_key(fact), *fact.origin, fact.ordinal, kind(fact)]


def _bundle(bundle: Bundle) -> str:
    fact = bundle.facts[0]
    partition, offset = fact.origin
    born = NULL if bundle.born is None else bundle.born
    facts = _encode(bundle.facts).decode()
    joined = (
        f"{fact.queue_id}\t{fact.host}\t{fact.instance}\t{partition}\t{offset}\t{fact.ordinal}"
        f"\t{kind(fact)}\t{bundle.received}\t{born}\t{facts}"
    )
    if is_plain(joined, _BUNDLE_TABS):
        return joined
    return line([*_identity(fact), bundle.received, bundle.born, facts])


def _undone(bundle: Bundle) -> str:
    return line([*_identity(bundle.facts[0]), bundle.born])


def _fill(cursor: Cursor, name: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        cursor.execute(query(f"stage_{name}"))
        copy_in(cursor, query(f"copy_{name}"), found)


def stage_ids(cursor: Cursor, ids: Iterable[IdKey]) -> None:
    """Name the short ids of the batch."""
    _fill(cursor, "id", map(line, ids))


def stage(cursor: Cursor, prepared: Prepared, plan: Plan, short_rows: Rows) -> None:
    """Stage all that the batch is to change.

    Raises:
        psycopg2.Error, ValueError: see posttrail_sinks.copy_text.copy_in.
    """
    # In the order of the keys: two sinks that meet wait for each other, and never in a circle.
    mails = sorted(chain(prepared.rows.mails.values(), short_rows.mails.values()), key=_key_of)
    recipients = sorted(
        chain(prepared.rows.recipients.values(), short_rows.recipients.values()), key=_key_of
    )
    aside = [
        *prepared.aside,
        *((fact, "its mail is older than rows are kept") for fact in plan.aside),
    ]
    _fill(cursor, "from", map(mail_line, mails))
    _fill(cursor, "to", map(recipient_line, recipients))
    _fill(cursor, "noqueue", map(_noqueue, prepared.noqueue))
    _fill(cursor, "gap", map(_gap, prepared.gaps))
    _fill(cursor, "aside", (_aside(fact, why, prepared.now) for fact, why in aside))
    _fill(cursor, "bundle", map(_bundle, plan.inserts))
    _fill(cursor, "undone", map(_undone, plan.undone))
    _fill(cursor, "gone", (line((*key, first)) for key, first in plan.gone.items()))
