"""The rows of a replay beside the live ones: compares them, and swaps what differs.

Works through one connection whose search_path leads to the live tables; the replay's stand in a
schema of their own. Knows no Kafka.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from psycopg2 import sql

from posttrail_sinks import partitions
from posttrail_sinks.copy_text import Value, copy_in, line
from posttrail_sinks.database import Cursor
from posttrail_sinks.merge import IdKey
from posttrail_sinks.offsets import Extent
from posttrail_sinks.queries import query
from posttrail_sinks.replay_report import Change, TableChanges, change

SCHEMA = "posttrail_replay"
EXAMPLES = 5
"""Rows of each kind that are shown of a table."""

_MAIL = ("queue_id", "host", "instance", "born")
_LINE = ("t", "line_id")
MAIL_TABLES = {
    "delivery_from": _MAIL,
    "delivery_to": (*_MAIL, "recipient", "orig_recipient"),
}
LINE_TABLES = {"noqueue": _LINE, "log_gap": _LINE}
TABLES = MAIL_TABLES | LINE_TABLES


def _names(names: Iterable[str], of: str | None = None) -> sql.Composed:
    parts = [sql.Identifier(name) if of is None else sql.Identifier(of, name) for name in names]
    return sql.SQL(", ").join(parts)


def statement(name: str, table: str = "", **more: sql.Composable) -> sql.Composed:
    """The statement `sql/<name>.sql` about this table and its counterpart."""
    keys = TABLES.get(table, ())
    return sql.SQL(query(name)).format(
        shadow=sql.Identifier(SCHEMA),
        table=sql.Identifier(table),
        diff=sql.Identifier(f"diff_{table}"),
        keys=_names(keys),
        row_keys=_names(keys, "r"),
        other_keys=_names(keys, "o"),
        diff_keys=_names(keys, "d"),
        **more,
    )


def note(cursor: Cursor, table: str, rows: Iterable[Iterable[Value]]) -> None:
    """Fill one of the replay's own small tables."""
    lines = [line(tuple(row)) for row in rows]
    if lines:
        copy_in(cursor, statement("replay_copy", table).as_string(cursor), lines)


def erase_as_live(cursor: Cursor) -> None:
    """Have the replay's tables know who was erased, before the first row."""
    cursor.execute(statement("replay_erased"))


def begin(
    cursor: Cursor,
    window: Mapping[int, Extent],
    read: Mapping[int, Extent],
    hosts: Mapping[str, tuple[int, int]] | None,
    ids: Iterable[IdKey],
) -> set[IdKey]:
    """Write down what the replay is about; returns ids of rows that its window may have lost.

    Args:
        cursor: of the connection to the live tables.
        window: offsets of `maillog.raw` whose rows are compared.
        read: offsets that were or will be read for their mails.
        hosts: host -> times of its first and last line in the window; None: the whole topic is it.
        ids: ids in the window.
    """
    cursor.execute(statement("replay_begin"))
    for table, spans in (("replay_window", window), ("replay_read", read)):
        note(cursor, table, [(part, span.first, span.end) for part, span in spans.items()])
    if hosts is None:
        cursor.execute(statement("replay_everything"))
    else:
        note(cursor, "replay_host", [(host, *times) for host, times in hosts.items()])
    note(cursor, "replay_id", ids)
    cursor.execute(statement("replay_candidates"))
    found = set(cursor.fetchall())
    note(cursor, "replay_id", found)
    return found


def compare(cursor: Cursor, *, complete: bool) -> int:
    """Find the rows that differ; returns how many mails are left alone.

    `complete`: the topic was read from its very beginning, so no row rests on other lines.
    """
    cursor.execute(statement("replay_waiting"))
    cursor.execute(statement("replay_mails"))
    left = 0
    if not complete:
        cursor.execute(statement("replay_leave"))
        left = cursor.rowcount
    for table in MAIL_TABLES:
        cursor.execute(statement("replay_diff_mails", table))
    for table in LINE_TABLES:
        cursor.execute(statement("replay_diff_lines", table))
    return left


def leave_moving(cursor: Cursor, ids: Collection[IdKey]) -> int:
    """Leave the mails of these ids alone, and those that wait; returns how many rows differed."""
    queue_ids, hosts, instances = zip(*ids, strict=True) if ids else ((), (), ())
    cursor.execute(
        statement("replay_move"),
        {"queue_ids": list(queue_ids), "hosts": list(hosts), "instances": list(instances)},
    )
    moving = 0
    for table in MAIL_TABLES:
        cursor.execute(statement("replay_still", table))
        moving += cursor.rowcount
    return moving


def changes(cursor: Cursor) -> dict[str, TableChanges]:
    """What differs, by table, counted and by example."""
    return {table: _changes(cursor, table) for table in TABLES}


def _changes(cursor: Cursor, table: str) -> TableChanges:
    cursor.execute(statement("replay_counts", table))
    counts: dict[str, int] = dict(cursor.fetchall())
    cursor.execute(statement("replay_columns", table))
    columns: dict[str, int] = dict(cursor.fetchall())
    return TableChanges(
        added=counts.get("added", 0),
        changed=counts.get("changed", 0),
        vanished=counts.get("vanished", 0),
        columns=columns,
        examples=_examples(cursor, table),
    )


def _examples(cursor: Cursor, table: str) -> list[Change]:
    cursor.execute(statement("replay_examples", table), {"most": EXAMPLES})
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return [change(kind, TABLES[table], old, new) for kind, old, new in rows]


def lock(cursor: Cursor) -> None:
    """Let sinks wait until the end of the transaction."""
    cursor.execute(statement("replay_lock"))


def swap(cursor: Cursor) -> None:
    """Put today's rows in the place of those that differ."""
    cursor.execute(statement("replay_days"))
    days = [day for (day,) in cursor.fetchall()]
    if days:
        partitions.ensure(cursor, days)
    for table in TABLES:
        cursor.execute(query("writable_columns"), {"table": table})
        columns = _names([name for (name,) in cursor.fetchall()])
        cursor.execute(statement("replay_delete", table))
        cursor.execute(statement("replay_insert", table, columns=columns))
    cursor.execute(statement("replay_short"))
