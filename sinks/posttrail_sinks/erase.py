"""Erases a person from the tables, in one transaction; older lines do not bring anything back.

Knows the tables and no Kafka: what stays there is its topics' retention. Nothing here logs the
address or raises it.
"""

import contextlib
import re
from datetime import datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

from posttrail.errors import BadInput
from posttrail_sinks.database import first_connection, understood
from posttrail_sinks.queries import query

NAME = "posttrail erase"
_STEPS = (
    ("delivery_from", "erase_from"),
    ("delivery_from", "erase_from_text"),
    ("delivery_to", "erase_to"),
    ("delivery_to", "erase_to_text"),
    ("noqueue", "erase_noqueue"),
    ("noqueue", "erase_noqueue_text"),
    ("short_bundle", "erase_short"),
    ("set_aside", "erase_aside"),
)
"""In this order: what is found by the address itself comes before what only names it."""


def checked(address: str) -> str:
    """The address as it is compared, without case.

    Raises:
        BadInput: it is none; a part of one would erase other people.
    """
    bare = address.strip().removeprefix("<").removesuffix(">").lower()
    local, at, domain = bare.rpartition("@")
    if not (local and at and domain) or any(letter.isspace() for letter in domain):
        raise BadInput("this is no mail address: name one as local-part@domain")
    return bare


def pattern(address: str) -> str:
    """PostgreSQL's regular expression for the address in a text, not as a part of a longer one."""
    return r"(?<![[:alnum:]._%+=-])" + re.escape(address) + r"(?![[:alnum:]-]|\.[[:alnum:]])"


def erase(dsn: str, address: str, gone_by: datetime, *, dry_run: bool) -> dict[str, int]:
    """Erase the address; returns by table how many rows are deleted or changed.

    Rows about the person alone are deleted; of their mails to others what tells of them is taken
    out; where another text names them, it says `erased` instead. `dry_run`: all is done and undone.

    Args:
        dsn: of the owner of the tables.
        address: whom.
        gone_by: when no line about them is in Kafka any more.
        dry_run: change nothing in the end.

    Raises:
        BadInput: the address is none.
        Unreachable: the server is not there or refuses us.
        NotReady: the schema is not there, or we are not its owner.
        Retry: a lock was not to be had; again later.
    """
    bare = checked(address)
    given = {"address": bare, "pattern": pattern(bare), "gone_by": gone_by}
    with (
        contextlib.closing(first_connection(dsn, NAME)) as connection,
        understood(),
        connection.cursor() as cursor,
    ):
        counts = _erased(cursor, given)
        if dry_run:
            connection.rollback()
        else:
            cursor.execute(query("erase_guard"))
            connection.commit()
    return counts


def _erased(cursor: Cursor, given: dict[str, object]) -> dict[str, int]:
    cursor.execute(query("erase_mails"), given)
    cursor.execute(query("erase_remember"), given)
    counts: dict[str, int] = {}
    for table, step in (*_STEPS, *_of_others(cursor)):
        cursor.execute(query(step), given)
        counts[table] = counts.get(table, 0) + cursor.rowcount
    return counts


def _of_others(cursor: Cursor) -> list[tuple[str, str]]:
    cursor.execute(query("erase_has_lookups"))
    found = cursor.fetchone()
    return [("audit_lookup", "erase_lookups")] if found and found[0] else []
