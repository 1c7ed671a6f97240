"""Rows of a batch into the session's own tables: COPY takes no lock that others could want."""

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter

from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact, ToFact, encode_fact
from posttrail_sinks.copy_text import Value, copy_in
from posttrail_sinks.generations import ShortFact, kind
from posttrail_sinks.merge import Rows
from posttrail_sinks.prepared import Prepared
from posttrail_sinks.queries import query
from posttrail_sinks.short_ids import IdKey, Move, Plan, Stored, id_key

_noqueue_of = attrgetter(
    "host", "instance", "component", "service", "pid", "action", "phase", "client_name",
    "client_addr", "client_port", "sender", "recipient", "proto", "helo", "sasl_method",
    "sasl_username", "sasl_sender", "code", "dsn", "reason", "ambiguous",
)  # fmt: skip


def _noqueue(fact: NoqueueFact) -> list[Value]:
    return [fact.t, *fact.origin, fact.ordinal, *_noqueue_of(fact)]


def _gap(fact: GapFact) -> list[Value]:
    return [fact.t, *fact.origin, fact.ordinal, fact.host, fact.source, fact.lines, fact.reason]


def _kind(fact: AnyFact) -> str:
    if isinstance(fact, FromFact | ToFact):
        return kind(fact)
    return "noqueue" if isinstance(fact, NoqueueFact) else "gap"


def _aside(fact: AnyFact, reason: str, now: int) -> list[Value]:
    text = encode_fact(fact).decode()
    # A time that is out of PostgreSQL's range would make the whole batch fail.
    t = min(max(fact.t, 0), 253_402_300_799_999_999)
    return [t, now, *fact.origin, fact.ordinal, _kind(fact), reason, text]


def _identity(fact: ShortFact) -> list[Value]:
    return [*id_key(fact), *fact.origin, fact.ordinal, kind(fact)]


def _short(entry: Stored) -> list[Value]:
    text = encode_fact(entry.fact).decode()
    return [*_identity(entry.fact), entry.received, entry.born, text]


def _move(move: Move) -> list[Value]:
    return [*_identity(move.fact), move.old, move.new]


def stage_ids(cursor: Cursor, ids: Iterable[IdKey]) -> None:
    """Name the short ids of the batch."""
    copy_in(cursor, query("copy_id"), ids)


def stage(cursor: Cursor, prepared: Prepared, plan: Plan, short_rows: Rows) -> None:
    """Stage all that the batch is to change.

    Raises:
        psycopg2.Error, ValueError: see posttrail_sinks.copy_text.copy_in.
    """
    mails = chain(prepared.rows.mails.values(), short_rows.mails.values())
    recipients = chain(prepared.rows.recipients.values(), short_rows.recipients.values())
    aside = [
        *prepared.aside,
        *((fact, "its mail is older than rows are kept") for fact in plan.aside),
    ]
    copy_in(cursor, query("copy_from"), (row.values() for row in mails))
    copy_in(cursor, query("copy_to"), (row.values() for row in recipients))
    copy_in(cursor, query("copy_noqueue"), map(_noqueue, prepared.noqueue))
    copy_in(cursor, query("copy_gap"), map(_gap, prepared.gaps))
    copy_in(cursor, query("copy_aside"), (_aside(fact, why, prepared.now) for fact, why in aside))
    copy_in(cursor, query("copy_short"), map(_short, plan.inserts))
    copy_in(cursor, query("copy_move"), map(_move, plan.moves))
    copy_in(cursor, query("copy_gone"), ((*key, first) for key, first in plan.gone.items()))
