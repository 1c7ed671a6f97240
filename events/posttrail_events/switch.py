"""Switches delivery events on and off: the triggers that mark what changes. Needs the owner."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from posttrail.errors import Retry, Unreachable
from posttrail_events.database import Cursor, connect, sql, understood


def on(dsn: str, since: datetime | None) -> int:
    """Mark every change from now on; returns how many mails that are there already are told, too.

    May be repeated, so that a topic that was lost is filled again.

    Args:
        dsn: of the owner of the tables.
        since: mails that were made then or later are told at once, with their recipients.

    Raises:
        Unreachable: the server is not there or refuses us, or a lock was not to be had.
        NotReady: the schema is not there, or we are not its owner.
    """
    return _run(dsn, "create_triggers", {"since": since} if since else None)


def off(dsn: str) -> None:
    """Mark nothing any more and forget the marks.

    Raises:
        Unreachable, NotReady: as above.
    """
    _run(dsn, "forget_marks", None)


def is_on(dsn: str) -> bool:
    """Whether changes are marked.

    Raises:
        Unreachable, NotReady: as above.
    """
    with _opened(dsn) as cursor:
        cursor.execute(sql("is_on"))
        (found,) = cursor.fetchone() or (False,)
        return bool(found)


def _run(dsn: str, name: str, marks: dict[str, datetime] | None) -> int:
    with _opened(dsn) as cursor:
        cursor.execute(sql("drop_triggers"))
        cursor.execute(sql(name))
        if marks is None:
            return 0
        cursor.execute(sql("mark_since"), marks)
        return cursor.rowcount


@contextmanager
def _opened(dsn: str) -> Iterator[Cursor]:
    """One transaction on a connection of its own; trouble that is over in a while ends it, too."""
    try:
        with closing(connect(dsn)) as opened, understood(), opened, opened.cursor() as cursor:
            yield cursor
    except Retry as error:
        raise Unreachable(str(error)) from None
