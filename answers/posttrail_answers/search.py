"""Search for mails and refusals, newest first, paged by key. Reads only; SQL is made elsewhere.

A result is one mail with its recipients, or one refusal before a queue id existed.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from psycopg2.extensions import connection

from posttrail.errors import BadInput
from posttrail_answers import gaps, words
from posttrail_answers.database import sql
from posttrail_answers.gaps import Gap, Life
from posttrail_answers.search_sql import (
    After,
    Query,
    conditions,
    match,
    parameters,
)
from posttrail_answers.search_walk import ALL, Sight, Walker
from posttrail_answers.words import Word

__all__ = ["ALL", "Page", "Query", "Recipient", "Result", "Sight", "find", "reach"]

_Key = tuple[datetime, bool, tuple[str, ...]]
_Keys = set[_Key]
MOST_RESULTS = 1000
SHOWN_RECIPIENTS = 20
"""Of each mail; `recipient_count` tells how many there are."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recipient, as its last attempt left it."""

    recipient: str
    orig_recipient: str | None = None
    """As given, where an alias changed it."""
    status: str
    """Postfix's word."""
    word: Word = Word.UNKNOWN
    t: datetime
    relay: str | None = None
    dsn: str | None = None
    delay: float | None = None
    response: str | None = None
    """The other side's reply."""
    next_queue_id: str | None = None
    attempt_count: int
    filtered: bool = False
    probe: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mail or refusal; absent fields are not known."""

    kind: Literal["mail", "refusal"]
    t: datetime
    """When the mail was made, or when it was refused; UTC."""
    host: str
    instance: str
    word: Word = Word.UNKNOWN
    queue_id: str | None = None
    sender: str | None = None
    """Empty: the null sender."""
    client_name: str | None = None
    client_addr: str | None = None
    login: str | None = None
    message_id: str | None = None
    subject: str | None = None
    size: int | None = None
    mail_status: str | None = None
    """Postfix's word for the mail as a whole."""
    reason: str | None = None
    removed_at: datetime | None = None
    t_last: datetime | None = None
    recipient_count: int
    recipients: tuple[Recipient, ...]
    """The first ones; those that were searched for come first."""
    explained: str | None = None
    """Of an unknown or pending mail: what lost lines may hide; clocks in UTC."""
    gaps: tuple[Gap, ...] = ()
    """Those lost lines, the first few."""

    @property
    def last(self) -> datetime:
        """When the last line was logged that is known of it."""
        return self.t if self.t_last is None else self.t_last


class Page(msgspec.Struct, frozen=True):
    """Results, newest first."""

    results: tuple[Result, ...]
    next_cursor: str | None = None
    """Give it to `find` as `after` for the next page; None: there is none."""


def cursor_text(after: After) -> str:
    """The last result of a page as a token for a command line or an address bar."""
    return base64.urlsafe_b64encode(msgspec.json.encode(after)).decode().rstrip("=")


def read_cursor(text: str) -> After:
    """The reverse of `cursor_text`.

    Raises:
        BadInput: it is none of ours.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        found = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=After)
        if not found.mail:
            int(*found.key)
    except (ValueError, TypeError, binascii.Error, msgspec.MsgspecError):
        raise BadInput("the cursor is none: give the text that the last page ended with") from None
    if found.mail and len(found.key) != 3:
        raise BadInput("the cursor is none: give the text that the last page ended with")
    return found


def find(
    opened: connection, query: Query, *, after: str | None = None, limit: int = 50,
    sight: Sight = ALL,
) -> Page:  # fmt: skip
    """One page; `limit` results at most.

    Args:
        opened: what it may see decides PostgreSQL.
        sight: what that is.

    Raises:
        BadInput: `after` is no cursor, or the query holds a NUL, which no text in PostgreSQL has.
    """
    limit = max(1, min(limit, MOST_RESULTS))
    if any("\0" in value for value in msgspec.structs.astuple(query) if isinstance(value, str)):
        raise BadInput("a search cannot hold the character NUL")
    begin = None if after is None else read_cursor(after)
    walker = Walker(opened, query, begin, limit + 1, sight)
    walker.walk()
    keys: _Keys = {(t, True, tuple(key)) for t, *key in walker.mails}
    keys |= {(t, False, (line_id,)) for t, line_id in walker.refusals}
    newest = [After(*key) for key in sorted(keys, key=_place, reverse=True)]
    shown = newest[:limit]
    more = cursor_text(shown[-1]) if len(newest) > limit else None
    return Page(_told(opened, _results(opened, query, shown)), more)


def _place(key: _Key) -> tuple[Any, ...]:
    """The order of results; text compares by bytes, as in the tables, line ids as numbers."""
    t, mail, parts = key
    return t, mail, tuple(part.encode() if mail else int(part) for part in parts)


def _results(opened: connection, query: Query, keys: Sequence[After]) -> tuple[Result, ...]:
    found: dict[After, Result] = {}
    mails = [key for key in keys if key.mail]
    refusals = [key for key in keys if not key.mail]
    if mails:
        text = (sql("search_by_key") + sql("search_mails")).replace("{match}", match(query))
        text = text.replace("{filtered}", f"({conditions()['to.filtered']}) IS TRUE")
        columns = zip(*(key.key for key in mails), strict=True)
        values = dict(zip(("queue_id", "host", "instance"), map(list, columns), strict=True))
        with opened.cursor() as cursor:
            cursor.execute(text, parameters(query, None, 0) | values | {
                "born": [key.t.isoformat() for key in mails], "recipients": SHOWN_RECIPIENTS,
                "first": min(key.t for key in mails), "last": max(key.t for key in mails),
            })  # fmt: skip
            for (raw,) in cursor:
                result = _result(raw)
                key = (result.queue_id or "", result.host, result.instance)
                found[After(result.t, mail=True, key=key)] = result
    if refusals:
        with opened.cursor() as cursor:
            cursor.execute(sql("search_by_key") + sql("search_refusals"), {
                "t": [key.t.isoformat() for key in refusals],
                "line_id": [int(key.key[0]) for key in refusals],
                "first": min(key.t for key in refusals), "last": max(key.t for key in refusals),
            })  # fmt: skip
            for line_id, raw in cursor:
                result = _result(raw)
                found[After(result.t, mail=False, key=(line_id,))] = result
    return tuple(found[key] for key in keys if key in found)


def _told(opened: connection, results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Mails whose end is not known, with what their hosts' logs lack in their lives."""
    told = list(results)
    not_known = {Word.UNKNOWN, Word.PENDING}
    which = [number for number, result in enumerate(results) if result.word in not_known]
    lives = gaps.in_lives(opened, [_life(results[number]) for number in which])
    for number, found in zip(which, lives, strict=True):
        if found:
            result = results[number]
            said = words.explained(result.word, found, result.last)
            told[number] = msgspec.structs.replace(result, gaps=found, explained=said)
    return tuple(told)


def _life(result: Result) -> Life:
    """Lines before the last one that is known hide nothing of a mail that waits."""
    first = result.last if result.word is Word.PENDING else result.t - gaps.SLACK
    if result.removed_at is not None:
        return Life(result.host, first, result.removed_at + gaps.SLACK)
    return Life(result.host, first, result.last + gaps.OPEN_ENDED)


def _result(raw: dict[str, Any]) -> Result:
    """A row with its words."""
    outcomes: Iterable[tuple[str, bool]] = raw.pop("statuses")
    for each in raw["recipients"]:
        each["word"] = words.of_recipient(each["status"], filtered=each.get("filtered", False))
    of_recipients = [words.of_recipient(status, filtered=by) for status, by in outcomes]
    raw["word"] = words.of_mail(raw.get("mail_status"), of_recipients)
    return msgspec.convert(raw, Result, strict=False)


def reach(opened: connection) -> datetime | None:
    """How far back the tables reach; None: they are empty."""
    with opened.cursor() as cursor:
        cursor.execute(sql("search_reach"))
        return next(moment for (moment,) in cursor)  # type: ignore[no-any-return]
