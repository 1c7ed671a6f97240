"""What became of one mail: its sender side and every recipient, from the tables.

Gives records; how they look on a terminal is the command's business.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from psycopg2.extensions import connection

from posttrail_answers.database import sql

MOST_MAILS = 100
"""A message-id that a loop repeats without end must not flood the terminal."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt to deliver; `t` in microseconds since 1970 UTC."""

    t: int
    origin: tuple[int, int]
    status: str
    dsn: str | None = None
    relay: str | None = None
    delay: float | None = None
    response: str | None = None


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of delivery_to, as far as an answer needs it."""

    recipient: str
    orig_recipient: str
    """Equal to recipient where the log names none."""
    status: str
    t: datetime
    """When the attempt was logged that the row shows."""
    t_first: datetime
    t_last: datetime
    attempt_count: int
    relay: str | None = None
    delay: float | None = None
    delays: tuple[float, ...] | None = None
    dsn: str | None = None
    response: str | None = None
    next_queue_id: str | None = None
    probe: bool = False
    softbounce: bool = False
    ambiguous: bool = False
    tls: str | None = None
    attempts: tuple[Attempt, ...]
    """The newest ones, oldest first."""


class Mail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of delivery_from, as far as an answer needs it."""

    queue_id: str
    host: str
    instance: str
    born: datetime
    t_first: datetime
    t_last: datetime
    sender: str | None = None
    client_name: str | None = None
    client_addr: str | None = None
    sasl_username: str | None = None
    uid: int | None = None
    size: int | None = None
    nrcpt: int | None = None
    message_id: str | None = None
    resent_message_id: str | None = None
    subject: str | None = None
    status: str | None = None
    reason: str | None = None
    removed_at: datetime | None = None
    orig_queue_id: str | None = None
    requeued_from: str | None = None
    bounce_ids: tuple[str, ...] | None = None
    delay_ids: tuple[str, ...] | None = None
    dsn_ids: tuple[str, ...] | None = None
    partial: bool = False
    ambiguous: bool = False


def last_line(mail: Mail, recipients: Iterable[Recipient]) -> datetime:
    """When the last line was logged that is known of a mail."""
    return max([mail.t_last, *(to.t_last for to in recipients)])


class Trail(msgspec.Struct, frozen=True):
    """One mail with its recipients."""

    mail: Mail
    recipients: tuple[Recipient, ...]


def _message_ids(text: str) -> list[str]:
    """A message-id is logged with its brackets, people often give it without."""
    bare = text.strip("<>")
    return [text, bare, f"<{bare}>"]


def trails(opened: connection, named: str) -> list[Trail]:
    """The mails with this queue id or message-id, oldest first, at most MOST_MAILS."""
    with opened.cursor() as cursor:
        cursor.execute(
            sql("trace"),
            {"queue_id": named, "message_ids": _message_ids(named), "limit": MOST_MAILS},
        )
        return [msgspec.convert(found, Trail, strict=False) for (found,) in cursor]
