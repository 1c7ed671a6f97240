"""Facts into tables: stages a batch, merges it with what is there.

Runs inside the caller's transaction and never ends it. Knows no Kafka and no offsets. First comes
what takes no lock that another session could want (reading, COPY into the session's own tables),
then what does, in one order for all: partitions, delivery_from, delivery_to, the rest, each by key.
"""

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from posttrail.errors import Retry
from posttrail.records import AnyFact, FromFact, ToFact
from posttrail_sinks import partitions, prepared, short_ids
from posttrail_sinks.generations import ShortFact
from posttrail_sinks.merge import IdKey, Rows
from posttrail_sinks.policy import DAY, Policy
from posttrail_sinks.prepared import Prepared
from posttrail_sinks.queries import query
from posttrail_sinks.short_ids import Bundle, Decided, Decision, Plan, Span
from posttrail_sinks.staging import stage, stage_ids


class Written(msgspec.Struct, frozen=True):
    """What a batch changed."""

    rows: dict[str, int]
    """Rows made or changed, by table."""


def _now() -> int:
    return time.time_ns() // 1000


class Writer:
    """Writes facts as the settings say."""

    def __init__(self, policy: Policy | None = None, now: Callable[[], int] = _now) -> None:
        """A writer.

        Args:
            policy: how long things are kept and waited for.
            now: the time of receipt, microseconds since 1970 UTC.
        """
        self.policy = policy or Policy()
        self.now = now

    def prepare_connection(self, connection: Connection) -> None:
        """See that the session finds the tables, once per connection; commits.

        Raises:
            psycopg2.errors.UndefinedTable: it does not.
        """
        with connection, connection.cursor() as cursor:
            cursor.execute(query("tables_exist"))

    def prepare(self, facts: Iterable[AnyFact]) -> Prepared:
        """Sort and merge a batch, in any order, outside of any transaction."""
        return prepared.prepare(facts, self.now(), self.policy)

    def write(self, cursor: Cursor, batch: Prepared) -> Written:
        """Bring a batch into the tables: inside the caller's open transaction, once in each.

        Raises:
            psycopg2.Error, ValueError: a fact that PostgreSQL refuses, or trouble with the server.
            posttrail.errors.Retry: another session worked on the same ids; roll back, try again.
        """
        decided = self._decide(cursor, batch)
        stage(cursor, batch, decided.plan, decided.rows)
        return _merge(cursor, batch, decided.plan, decided.rows)

    def _decide(self, cursor: Cursor, batch: Prepared) -> Decided:
        """Whose the facts of short ids are, with what is stored of these ids."""
        if not batch.short:
            return batch.fresh
        stage_ids(cursor, batch.short)
        stored = _load(cursor)
        again = stored.keys() | batch.fresh.doubtful
        if not again:
            return batch.fresh
        facts = {key: batch.short[key] for key in again}
        decisions = short_ids.decide(stored, facts, batch.now, self.policy)
        decided = batch.fresh.without(again)
        for decision in self._absorbed(cursor, decisions, decided.rows):
            decided.add(decision)
        return decided

    def _absorbed(self, cursor: Cursor, decisions: list[Decision], rows: Rows) -> list[Decision]:
        """Facts of mails of which only rows are kept go to these rows, and the rest is decided."""
        doubtful = [decision for decision in decisions if decision.has_forgotten()]
        if not doubtful:
            return decisions
        spans = _spans(cursor, doubtful, self.policy)
        return [
            decision.without_absorbed(spans[decision.key], rows)
            if decision.key in spans
            else decision
            for decision in decisions
        ]


_decode: msgspec.json.Decoder[list[ShortFact]] = msgspec.json.Decoder(list[FromFact | ToFact])


def _load(cursor: Cursor) -> dict[IdKey, list[Bundle]]:
    """The facts kept of the staged ids."""
    cursor.execute(query("load_bundles"))
    found: dict[IdKey, list[Bundle]] = {}
    for queue_id, host, instance, received, born, facts in cursor:
        bundle = Bundle(_decode.decode(facts), received, born)
        found.setdefault((queue_id, host, instance), []).append(bundle)
    return found


def _spans(cursor: Cursor, decisions: list[Decision], policy: Policy) -> dict[IdKey, list[Span]]:
    """The mails with rows of the ids that may be old, around the time of the batch."""
    days = policy.generation_days * DAY
    queue_ids, hosts, instances = zip(*(decision.key for decision in decisions), strict=True)
    asked = {
        "queue_ids": list(queue_ids),
        "hosts": list(hosts),
        "instances": list(instances),
        "first": min(decision.first() for decision in decisions) - days,
        "last": max(decision.last() for decision in decisions) + DAY,
    }
    cursor.execute(query("find_mails"), asked)
    found: dict[IdKey, list[Span]] = {}
    for queue_id, host, instance, born, t_first, t_last in cursor:
        found.setdefault((queue_id, host, instance), []).append(Span(born, t_first, t_last))
    return found


def _merge(cursor: Cursor, batch: Prepared, plan: Plan, short_rows: Rows) -> Written:
    """What is staged, into the tables."""
    written = {}
    births = [key[3] for key in (*batch.rows.mails, *short_rows.mails)]
    times = births + [fact.t for fact in batch.noqueue]
    if times:
        partitions.ensure(cursor, partitions.days_of(times))
    if plan.gone:
        _run(cursor, "delete_gone", _bounds([key[3] for key in plan.gone]))
    if births:
        written["delivery_from"] = _run(cursor, "upsert_from")
    if batch.rows.recipients or short_rows.recipients:
        written["delivery_to"] = _run(cursor, "upsert_to")
    _close_expired(cursor, batch.rows, short_rows)
    if batch.noqueue:
        written["noqueue"] = _run(cursor, "insert_noqueue")
    if batch.gaps:
        written["log_gap"] = _run(cursor, "insert_gap")
    if batch.aside or plan.aside:
        written["set_aside"] = _run(cursor, "insert_aside")
    _keep_bundles(cursor, plan)
    return Written(written)


def _close_expired(cursor: Cursor, *parts: Rows) -> None:
    """Recipients that end with their mail; few batches hold any."""
    expired = {key for rows in parts for key, mail in rows.mails.items() if mail.expired_at}
    if expired:
        _run(cursor, "expire_mails", _bounds(key[3] for key in expired))
    open_births = {
        key[3] for rows in parts for key, to in rows.recipients.items() if not to.order[0]
    }
    if open_births:
        _run(cursor, "expire_recipients", _bounds(open_births))


def _keep_bundles(cursor: Cursor, plan: Plan) -> None:
    if plan.undone and _run(cursor, "delete_undone") != len(plan.undone):
        raise Retry("another session worked on the same short ids")
    if plan.inserts:
        _run(cursor, "insert_bundles")


def _bounds(times: Iterable[int]) -> dict[str, int]:
    found = list(times)
    return {"first": min(found), "last": max(found)}


def _run(cursor: Cursor, name: str, values: Mapping[str, int] | None = None) -> int:
    cursor.execute(query(name), values)
    return cursor.rowcount
