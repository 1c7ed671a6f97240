"""The life of one mail in steps, from its arrival to the last recipient's end.

Rows become steps by pure functions. The raw lines that prove them come from `proofs`; without them
the steps are the same, with less known of who logged what. Knows no Kafka and no terminal.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from psycopg2.extensions import connection

from posttrail.errors import NotFound
from posttrail.packing import unpacked
from posttrail.records import Origin
from posttrail_answers import words
from posttrail_answers.database import sql
from posttrail_answers.gaps import Gap
from posttrail_answers.trace import Attempt, Mail, Recipient, last_line
from posttrail_answers.words import Word

Kind = Literal[
    "connect", "tls", "arrival", "active", "attempt", "held", "rejected", "discarded", "canceled",
    "expired", "bounce", "delay", "dsn", "removed", "disconnect",
]  # fmt: skip

_IN_A_MOMENT: tuple[Kind, ...] = (
    "connect", "tls", "arrival", "rejected", "discarded", "canceled", "held", "active",
    "disconnect", "attempt", "expired", "bounce", "delay", "dsn", "removed",
)  # fmt: skip
"""The order of what a log without fractions of a second tells of one second."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDER_TIME = 1
"""Where the time stands in status_order: rank, time, partition, offset, ordinal."""
_STATUS_WORDS: dict[str, tuple[Kind, str]] = {
    "held": ("held", "put on hold: it stays until somebody releases it"),
    "rejected": ("rejected", "the whole mail was rejected"),
    "discarded": ("discarded", "accepted, then thrown away as configured"),
    "canceled": ("canceled", "the client did not finish it; nothing was accepted"),
}
_NOTICES: dict[Kind, str] = {
    "bounce": "the sender was told that it failed, by the mail",
    "delay": "the sender was told that it is late, by the mail",
    "dsn": "the sender was told what became of it, by the mail",
}


class MailKey(msgspec.Struct, frozen=True, order=True):
    """Which mail is meant: the key of delivery_from; `born` with its zone."""

    queue_id: str
    host: str
    instance: str
    born: datetime


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A raw line of the log; bytes that are no UTF-8 are shown as U+FFFD."""

    origin: Origin
    text: str


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened to a mail."""

    t: datetime
    host: str
    kind: Kind
    text: str
    """Plain words. Replies and addresses in it are a stranger's text."""
    component: str | None = None
    """The daemon that logged it; without the line it is known from the relay at best."""
    recipient: str | None = None
    word: Word | None = None
    """Of an attempt: what it meant for the recipient."""
    after: float | None = None
    """Seconds since the step before."""
    origin: Origin | None = None
    lines: tuple[Line, ...] = ()
    """What proves it; empty when not asked for or no longer in Kafka."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mail, from its arrival to its end."""

    key: MailKey
    mail: Mail
    recipients: tuple[Recipient, ...]
    word: Word
    explained: str
    """The word, and what lost lines may hide; clocks in UTC."""
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...] = ()
    origins: tuple[Origin, ...] = ()
    """Every line that the rows were made of, as far as the tables name them; sorted."""
    missing: str | None = None
    """Why not every line can be shown; None: all are there, or none were asked for."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What sql/timeline.sql gives."""

    mail: Mail
    recipients: tuple[Recipient, ...]
    notices: Mapping[str, datetime]
    gaps: tuple[Gap, ...]
    line_ids: tuple[int, ...] = ()
    status_order: tuple[int, ...] | None = None
    expired_at: datetime | None = None


def key_of(mail: Mail) -> MailKey:
    """The key of its row."""
    return MailKey(mail.queue_id, mail.host, mail.instance, mail.born)


def of(opened: connection, key: MailKey) -> Timeline:
    """The timeline of one mail, from the tables alone.

    Raises:
        posttrail.errors.NotFound: there is no such mail.
    """
    with opened.cursor() as cursor:
        cursor.execute(sql("timeline"), msgspec.to_builtins(key))
        found = cursor.fetchone()
    if found is None:
        raise NotFound(f"{key.queue_id}: no such mail on {key.host}")
    return made_of(msgspec.convert(found[0], Rows, strict=False))


def made_of(rows: Rows) -> Timeline:
    """Rows to a timeline. Pure."""
    each = [words.of_recipient(to.status, filtered=is_filter(to)) for to in rows.recipients]
    word = words.of_mail(rows.mail.status, each)
    return Timeline(
        key=key_of(rows.mail), mail=rows.mail, recipients=rows.recipients, word=word,
        explained=words.explained(word, rows.gaps, last_line(rows.mail, rows.recipients)),
        steps=in_order(_steps(rows)), gaps=rows.gaps, origins=tuple(sorted(set(_origins(rows)))),
    )  # fmt: skip


def is_filter(to: Recipient) -> bool:
    """Whether the mail went to a content filter on the same host, which gave it back or will."""
    loopback = to.relay is not None and ("[127." in to.relay or "[::1]" in to.relay)
    return to.status == "sent" and loopback and to.next_queue_id is not None


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """By time, in one moment by what must come first, with the seconds between."""
    ordered = sorted(steps, key=lambda step: (step.t, _IN_A_MOMENT.index(step.kind)))
    return tuple(
        msgspec.structs.replace(
            step, after=round((step.t - ordered[at - 1].t).total_seconds(), 6) if at else None
        )
        for at, step in enumerate(ordered)
    )


def _steps(rows: Rows) -> Iterator[Step]:
    mail = rows.mail
    yield Step(
        t=max(mail.born, mail.t_first) if mail.partial else min(mail.born, mail.t_first),
        host=mail.host, kind="arrival", text=_arrival(mail), component=_door(mail),
    )  # fmt: skip
    yield from _states(rows)
    yield from _attempts(rows)
    yield from _notices(rows)
    if mail.removed_at is not None:
        yield Step(
            t=mail.removed_at, host=mail.host, kind="removed", component="qmgr",
            text="done with: removed from the queue",
        )  # fmt: skip


def _door(mail: Mail) -> str | None:
    if mail.client_name is not None:
        return "smtpd"
    return "pickup" if mail.uid is not None else None


def _arrival(mail: Mail) -> str:
    if mail.partial:
        return "its beginning is not in the log; this is the first that is known"
    if mail.client_name is not None:
        address = f"[{mail.client_addr}]" if mail.client_addr else ""
        login = f", logged in as {mail.sasl_username}" if mail.sasl_username else ""
        return f"received from {mail.client_name}{address}{login}{_content(mail)}"
    if mail.requeued_from is not None:
        return f"queued anew; it was {mail.requeued_from} before"
    if mail.uid is not None:
        return f"given by the local user {mail.uid}{_content(mail)}"
    return f"made by Postfix itself{_content(mail)}"


def _content(mail: Mail) -> str:
    sender = "" if mail.sender is None else f", from <{mail.sender}>"
    return sender + ("" if mail.size is None else f", {mail.size} bytes")


def _states(rows: Rows) -> Iterator[Step]:
    mail = rows.mail
    if rows.expired_at is not None:
        yield Step(
            t=rows.expired_at, host=mail.host, kind="expired", component="qmgr",
            text="waited too long: returned to the sender",
        )  # fmt: skip
    if mail.status in _STATUS_WORDS:
        kind, text = _STATUS_WORDS[mail.status]
        order = rows.status_order
        at = mail.t_last if order is None else _EPOCH + timedelta(microseconds=order[_ORDER_TIME])
        why = f": {mail.reason}" if mail.reason else ""
        yield Step(t=at, host=mail.host, kind=kind, text=text + why)


def _attempts(rows: Rows) -> Iterator[Step]:
    for to in rows.recipients:
        unseen = to.attempt_count - len(to.attempts)
        for number, attempt in enumerate(to.attempts, unseen + 1):
            yield _attempt(rows.mail, to, attempt, number)


def _attempt(mail: Mail, to: Recipient, attempt: Attempt, number: int) -> Step:
    said = words.reason(attempt.status, attempt.dsn, attempt.response)
    place = "" if attempt.relay in {None, "none"} else f" at {attempt.relay}"
    again = f" (attempt {number})" if number > 1 else ""
    filtered = is_filter(to) and attempt.status == "sent"
    return Step(
        t=_EPOCH + timedelta(microseconds=attempt.t), host=mail.host, kind="attempt",
        text=f"{said}{place}{again}", component=_agent(attempt.relay), recipient=to.recipient,
        word=words.of_recipient(attempt.status, filtered=filtered), origin=attempt.origin,
    )  # fmt: skip


def _agent(relay: str | None) -> str | None:
    """Who delivers, as far as the relay tells: `host[private/lmtp]` is a socket, no host."""
    if relay in {"local", "virtual"}:
        return relay
    return "smtp" if relay is not None and "]:" in relay else None


def _notices(rows: Rows) -> Iterator[Step]:
    mail = rows.mail
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("bounce", mail.bounce_ids or ()),
        ("delay", mail.delay_ids or ()),
        ("dsn", mail.dsn_ids or ()),
    )
    for kind, ids in kinds:
        for queue_id in ids:
            yield Step(
                t=min(rows.notices.get(queue_id, mail.t_last), mail.t_last),
                host=mail.host, kind=kind,
                text=f"{_NOTICES[kind]} {queue_id}", component="bounce",
            )  # fmt: skip


def _origins(rows: Rows) -> Iterator[Origin]:
    yield from (origin for number in rows.line_ids if (origin := unpacked(number)) is not None)
    for to in rows.recipients:
        yield from (attempt.origin for attempt in to.attempts)
