"""Which mail is meant: queue ids, the time inside them, and the key that keeps a mail together.

Source of the formats: Postfix global/mail_queue.h and mail_queue.c. Pure; knows no state: which
generation of a short id a line belongs to is decided by the sink.
"""

import re
from typing import Literal

from posttrail.records import AnyFact, FromFact, GapFact, NoqueueFact

SECOND = 1_000_000
"""Microseconds in a second: the unit of every time in posttrail."""

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_VALUE = {char: value for value, char in enumerate(_BASE52)}
# A long id: at least 6 characters of seconds, 4 of microseconds, `z`, the inode in base 51 (no z).
_LONG = re.compile(r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+")
_SHORT = re.compile(r"[0-9A-F]{5}[0-9A-F]+")


def _decode52(text: str) -> int:
    number = 0
    for char in text:
        number = number * 52 + _VALUE[char]
    return number


def is_long(queue_id: str) -> bool:
    """Whether the id was made with enable_long_queue_ids: it then holds its own time of birth."""
    return _LONG.fullmatch(queue_id) is not None


def is_short(queue_id: str) -> bool:
    """Whether the id is five hex digits of microseconds (in range) and an inode."""
    return _SHORT.fullmatch(queue_id) is not None and int(queue_id[:5], 16) < SECOND


def is_queue_id(text: str) -> bool:
    """Whether Postfix can have made this id."""
    return is_short(text) or is_long(text)


def born_of_long_id(queue_id: str) -> int:
    """When the mail was made: microseconds since 1970 UTC, from a long id alone.

    The last `z` separates; before it stand the seconds and four characters of microseconds.
    """
    stamp = queue_id[: queue_id.rindex("z")]
    return _decode52(stamp[:-4]) * SECOND + _decode52(stamp[-4:])


def born_of_short_id(queue_id: str, opened: int, tolerance: int = 1000) -> int:
    """The latest instant with the id's microseconds that is not after `opened` (+ tolerance).

    `opened` is the time of the line that first named the id; all in microseconds.
    """
    micros = int(queue_id[:5], 16)
    latest = opened + tolerance
    return latest - (latest - micros) % SECOND


def opener(fact: FromFact) -> Literal["arrival", "mention"] | None:
    """Whether this fact can start a mail of a short id.

    `arrival`: smtpd and qmqpd `client=`, pickup `uid=`: always a new mail.
    `mention`: cleanup `message-id=`, qmgr `from=`: a new mail only when none of that id is open.
    """
    if fact.uid is not None:
        return "arrival"
    if fact.status is None and fact.component in {"smtpd", "qmqpd"}:
        return "arrival" if fact.client_name is not None else None
    is_mention = fact.message_id is not None or fact.size is not None
    return "mention" if is_mention else None


def deliveries_key(fact: AnyFact) -> bytes:
    """The Kafka key of a fact: all that concerns one mail has one key, so one writer, in order.

    Host and instance are part of it: short ids collide across hosts.
    """
    if isinstance(fact, GapFact):
        return fact.host.encode()
    last = fact.pid if isinstance(fact, NoqueueFact) else fact.queue_id
    return f"{fact.host}/{fact.instance}/{last}".encode()
