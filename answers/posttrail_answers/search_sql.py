"""Turns a search into SQL: which tables to ask, with which conditions. Pure; knows no connection.

Conditions are named pieces of `sql/search_conditions.sql`; what was typed travels as parameters.
A branch asks one table for keys, newest first; `posttrail_answers.search` joins their answers.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from posttrail_answers.database import sql
from posttrail_answers.words import STATUSES, Word


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for; all that is given must hold. Addresses and names: without case."""

    sender: str | None = None
    """`<>` or empty text: the null sender."""
    recipient: str | None = None
    """As delivered to, or as given before aliases."""
    domain: str | None = None
    """Of the sender or of a recipient."""
    message_id: str | None = None
    """Brackets are optional."""
    queue_id: str | None = None
    subject: str | None = None
    """Words; a "quoted phrase"; -not."""
    client: str | None = None
    """Name, address or network (192.0.2.0/24)."""
    relay: str | None = None
    """Name or address."""
    status: str | None = None
    """delivered, pending, failed, discarded, filtered, or Postfix's own word."""
    host: str | None = None
    login: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last result of a page. Mails come before refusals of the same instant."""

    t: datetime
    mail: bool
    key: tuple[str, ...]
    """Queue id, host, instance; or the line id of a refusal."""


class Branch(msgspec.Struct, frozen=True):
    """One question for keys: SQL text with parameters by name."""

    text: str
    parameters: dict[str, Any]
    mails: bool
    """False: it gives refusals."""

    @property
    def windowed(self) -> bool:
        """It is to be asked of stretches of time, `window_from` and `window_until`, in turn."""
        return "%(window_from)s" in self.text


SELECTIVE = ("queue_id", "message_id", "sender", "client", "login", "subject")
"""What the mail's own row has an index for."""

_FROM = ("queue_id", "message_id", "sender", "client", "login", "subject")
_TO = ("recipient", "relay")
_OF_MAILS = frozenset({"queued", "held", "expired", "rejected", "discarded", "canceled"})
"""What the row of a mail may say, but for `removed`, which tells nothing."""
_NO_REFUSAL = ("queue_id", "message_id", "subject", "relay")


@cache
def conditions() -> Mapping[str, str]:
    """The named pieces: a line `-- name: x`, then its text."""
    pieces = sql("search_conditions").split("-- name: ")[1:]
    return {
        name.strip(): " ".join(text.split())
        for name, _, text in (piece.partition("\n") for piece in pieces)
    }


def _statuses(status: str) -> list[str]:
    try:
        return list(STATUSES.get(Word(status), (status,)))
    except ValueError:
        return [status]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def parameters(query: Query, after: After | None, limit: int) -> dict[str, Any]:
    """Values for every piece; those that a branch does not name are not used."""
    bare = (query.message_id or "").strip("<>")
    values = msgspec.structs.asdict(query) | {
        "sender": "" if query.sender == "<>" else query.sender,
        "domain": (query.domain or "").removeprefix("@"),
        "message_ids": [query.message_id, bare, f"<{bare}>"],
        "statuses": _statuses(query.status or ""),
        "limit": limit,
    }
    if after is not None:
        values |= {"after_t": after.t}
        names = (
            ("after_queue_id", "after_host", "after_instance") if after.mail else ("after_line",)
        )
        values |= dict(zip(names, after.key, strict=True))
    return values


def _addressed(name: str, value: str) -> str:
    """A client or relay is named by its name, its address, or its network."""
    if not _is_network(value):
        return name
    return f"{name}_network" if "/" in value else f"{name}_addr"


def _pieces(query: Query, table: str, names: tuple[str, ...]) -> Iterator[str]:
    known = conditions()
    for name in names:
        value = getattr(query, name)
        if value is not None:
            piece = _addressed(name, value) if name in {"client", "relay"} else name
            yield known[f"{table}.{piece}"]


def _frame(query: Query, table: str, after: After | None) -> Iterator[str]:
    """Host, time, and where the last page ended."""
    known = conditions()
    for name in ("host", "since", "until"):
        if getattr(query, name) is not None:
            yield known[f"{table}.{name}"]
    if after is not None:
        yield known[f"{table}.after_{'mail' if after.mail else 'refusal'}"]


def to_conditions(query: Query) -> list[str]:
    """What a recipient's row must fulfil, but for the domain."""
    pieces = list(_pieces(query, "to", _TO))
    if query.status == Word.FILTERED:
        pieces.append(conditions()["to.filtered"])
    elif query.status is not None:
        sent = "sent" in _statuses(query.status)
        pieces.append(conditions()["to.status" if sent else "to.status_not_sent"])
    return pieces


def match(query: Query) -> str:
    """A condition on a recipient's row: was it this one that was searched for?"""
    pieces = to_conditions(query)
    if query.domain is not None:
        pieces.append(conditions()["to.domain"])
    return " AND ".join(pieces) or "true"


def _by_mail(query: Query, after: After | None, extra: list[str]) -> str:
    pieces = [*_frame(query, "from", after), *_pieces(query, "from", _FROM), *extra]
    by_words = query.subject is not None and query.queue_id is None and query.message_id is None
    name = "search_subject" if by_words else "search_from"
    return sql(name).replace("{conditions}", " AND ".join(pieces) or "true")


def _exists(pieces: list[str]) -> list[str]:
    if not pieces:
        return []
    return [conditions()["from.exists"].replace("{conditions}", " AND ".join(pieces))]


def _by_recipient(query: Query, after: After | None, extra: list[str]) -> Iterator[str]:
    """An address is looked for on its own in either column: each index gives newest first."""
    others = msgspec.structs.replace(query, recipient=None)
    mail = list(_pieces(query, "from", _FROM))
    pieces = [*_frame(query, "to", after), *to_conditions(others), *extra, *mail]
    text = sql("search_to_from" if mail else "search_to")
    columns: tuple[str, ...] = ("final_recipient", "orig_recipient")
    wanted = [[]] if query.recipient is None else [[conditions()[f"to.{each}"]] for each in columns]
    for each in wanted:
        yield text.replace("{conditions}", " AND ".join([*pieces, *each]) or "true")


def _by_refusal(query: Query, after: After | None, extra: list[str]) -> str:
    names = ("sender", "recipient", "client", "login")
    pieces = [*_frame(query, "noqueue", after), *_pieces(query, "noqueue", names), *extra]
    return sql("search_noqueue").replace("{conditions}", " AND ".join(pieces) or "true")


def _of_mails(query: Query) -> bool:
    """May the row of a mail itself have the status that is searched for?"""
    return query.status is not None and not _OF_MAILS.isdisjoint(_statuses(query.status))


def _mail_texts(query: Query, after: After | None) -> Iterator[str]:
    """Statements over mails; together they give every mail, some more than once.

    The first condition that an index serves best decides which table is walked.
    """
    known = conditions()
    of_to = to_conditions(query)
    selective = any(getattr(query, name) is not None for name in SELECTIVE)
    if query.domain is not None:
        yield _by_mail(query, after, [known["from.domain"], *_exists(of_to)])
        yield from _by_recipient(query, after, [known["to.domain"]])
    elif query.recipient is not None or (of_to and not selective):
        yield from _by_recipient(query, after, [])
    else:
        yield _by_mail(query, after, _exists(of_to))
    if query.recipient is None and query.relay is None and _of_mails(query):
        domain = [known["from.domain"]] if query.domain is not None else []
        yield _by_mail(query, after, [known["from.status"], *domain])


def _refusal_texts(query: Query, after: After | None) -> Iterator[str]:
    if any(getattr(query, name) is not None for name in _NO_REFUSAL):
        return
    known = conditions()
    action = [] if query.status is None else [known.get(f"noqueue.{query.status}", "false")]
    if query.domain is None:
        yield _by_refusal(query, after, action)
        return
    yield _by_refusal(query, after, [known["noqueue.sender_domain"], *action])
    yield _by_refusal(query, after, [known["noqueue.recipient_domain"], *action])


def branches(query: Query, after: After | None, limit: int) -> list[Branch]:
    """The questions whose answers together are the next page: at most `limit` keys from each."""
    values = parameters(query, after, limit)
    mails = [Branch(text, values, mails=True) for text in _mail_texts(query, after)]
    return mails + [Branch(text, values, mails=False) for text in _refusal_texts(query, after)]
