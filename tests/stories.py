"""Mails as Postfix logs them, made up at random: every fact with the mail it truly belongs to.

Ids are given as Postfix gives them: a short id is free again once its mail is removed.
"""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from posttrail.identity import SECOND, born_of_long_id
from posttrail.records import AnyFact, FromFact, NoqueueFact, ToFact

START = 1_795_000_000 * SECOND
"""Some time on 2026-11-18 UTC."""

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def _base52(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 52)
        digits = _BASE52[digit] + digits
    return digits


def long_id(born: int, inode: int) -> str:
    """As Postfix makes it with enable_long_queue_ids."""
    made = f"{_base52(born // SECOND, 6)}{_base52(born % SECOND, 4)}z{_base52(inode, 3)}"
    assert born_of_long_id(made) == born
    return made


def short_id(born: int, inode: int) -> str:
    """As Postfix makes it by default."""
    return f"{born % SECOND:05X}{inode:X}"


class Mail(msgspec.Struct, frozen=True):
    """One mail: the key that its rows must have, and its facts as they were logged."""

    host: str
    instance: str
    queue_id: str
    born: int
    facts: list[FromFact | ToFact]
    removed: int | None

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.queue_id, self.host, self.instance, self.born


class _Teller:
    """Tells the story of one mail."""

    def __init__(
        self, rng: random.Random, origins: Iterator[int], about: dict[str, Any], born: int
    ) -> None:
        self.rng = rng
        self.origins = origins
        self.about = about
        self.t = born
        self.facts: list[FromFact | ToFact] = []

    def line(self, wait: float, component: str, **fields: Any) -> None:
        """One line about the mail, so many seconds after the last."""
        self.t += int(wait * SECOND)
        self._note(FromFact, self.t, component, fields)

    def delivery(self, wait: float, component: str, **fields: Any) -> None:
        """One line about a recipient."""
        self.t += int(wait * SECOND)
        self._note(ToFact, self.t, component, fields)

    def late_delivery(self, after: float, **fields: Any) -> None:
        """A line that is logged late and stops nothing."""
        self._note(ToFact, self.t + int(after * SECOND), "local", fields)

    def _note(
        self, kind: type[FromFact | ToFact], t: int, component: str, fields: dict[str, Any]
    ) -> None:
        origin = (sum(self.about["host"].encode()) % 2, next(self.origins))
        made = kind(t=t, origin=origin, component=component, pid=7, **self.about, **fields)
        self.facts.append(made)

    def short_wait(self) -> float:
        return self.rng.choice([0.001, 0.01, 0.2, 1.5])


def _arrives(teller: _Teller, n: int, *, may_be_internal: bool) -> None:
    rng = teller.rng
    message: dict[str, Any] = {"message_id": f"<{n}@example.com>"}
    if rng.random() < 0.3:
        message["subject"] = rng.choice(["\\N", "a\tb\\.", 'say "yes"', "Grüße"])
    way = rng.choice(["smtpd", "smtpd", "pickup", "late pickup", "internal"])
    if way == "smtpd" or (way == "internal" and not may_be_internal):
        client = {"client_name": "mail.example.net", "client_addr": f"192.0.2.{n % 250}"}
        teller.line(0.001, "smtpd", **client, sasl_username=rng.choice([None, "someone"]))
        if rng.random() < 0.2:
            teller.delivery(
                0.3, "smtpd", recipient="no@example.org", status="rejected", dsn="5.1.1"
            )
        teller.line(teller.short_wait(), "cleanup", **message, proto="ESMTP", helo="example.net")
    elif way == "pickup":
        teller.line(0.001, "pickup", uid=1000 + n % 3, sender="root")
        teller.line(teller.short_wait(), "cleanup", **message)
    elif way == "late pickup":
        teller.line(0.001, "cleanup", **message)
        teller.line(0.002, "pickup", uid=0, sender="root", requeued_from="4F2A1C0FFEE")
    else:
        teller.line(0.001, "cleanup", **message)


def _is_delivered(teller: _Teller, n: int) -> bool:
    """Whether every recipient came to an end."""
    rng = teller.rng
    for attempt in range(rng.choice([1, 1, 1, 2, 4])):
        size = {"sender": rng.choice(["", f"s{n}@example.com"]), "size": 1000 + n, "nrcpt": 2}
        teller.line(teller.short_wait() if attempt == 0 else 600.0, "qmgr", **size)
        for recipient in ("a@example.org", "b@example.org")[: rng.choice([1, 2])]:
            status = rng.choice(["sent", "sent", "deferred", "bounced"])
            teller.delivery(
                teller.short_wait(), "smtp", recipient=recipient, status=status,
                orig_recipient=rng.choice([None, "list@example.org"]),
                relay="mx.example.org[198.51.100.7]:25", relay_name="mx.example.org",
                relay_addr="198.51.100.7", relay_port=25, delay=0.25 + n, dsn="2.0.0",
                delays=(0.1, 0.02, 0.3, 4.0), response=rng.choice(["250 ok", 'said: "\\no"']),
            )  # fmt: skip
    return rng.random() < 0.8


def _ends(teller: _Teller) -> int:
    rng = teller.rng
    if rng.random() < 0.2:
        teller.line(1, "qmgr", sender="", status="expired", reason="returned to sender")
        teller.line(0.01, "bounce", bounce_ids=(short_id(teller.t, 77),))
    teller.line(teller.short_wait(), "qmgr", status="removed", removed_at=teller.t)
    if rng.random() < 0.2:
        teller.late_delivery(0.3, recipient="late@example.org", status="sent", relay="local")
    return teller.t


def tell(
    rng: random.Random,
    origins: Iterator[int],
    who: tuple[str, str, str],
    born: int,
    *,
    may_be_internal: bool = True,
) -> Mail:
    """One mail (host, instance, queue id) from its birth to its end, or as far as it came."""
    host, instance, queue_id = who
    about = {"host": host, "instance": instance, "queue_id": queue_id}
    teller = _Teller(rng, origins, about, born)
    _arrives(teller, born // SECOND % 1000, may_be_internal=may_be_internal)
    removed = None
    if rng.random() < 0.1:
        teller.line(0.01, "cleanup", status="held", reason="on hold")
        teller.line(30, "postsuper", status="queued")
    if rng.random() < 0.9 and _is_delivered(teller, born // SECOND % 1000):
        removed = _ends(teller)
    return Mail(host, instance, queue_id, born, teller.facts, removed)


def same_id_again(rng: random.Random, origins: Iterator[int], host: str, times: int) -> list[Mail]:
    """Mails that had the same short id one after the other."""
    born = START + rng.randrange(SECOND)
    queue_id = short_id(born, 0x24853E)
    mails = []
    free: int | None = 0
    for _ in range(times):
        was_removed = free is not None
        mails.append(
            tell(rng, origins, (host, "postfix", queue_id), born, may_be_internal=was_removed)
        )
        free = mails[-1].removed
        after = mails[-1].facts[-1].t if free is None else free
        # The id has its microseconds for good: the next birth is whole seconds later.
        wait = rng.choice([1, 2, 60, 3 * 3600]) if free is not None else 3 * 3600
        born += ((after - born) // SECOND + 1 + wait) * SECOND
    return mails


def town(rng: random.Random) -> list[Mail]:
    """Mails of three hosts, one of them with two instances; ids collide and are used again."""
    origins = count(1)
    mails: list[Mail] = []
    seed = rng.randrange(1 << 30)
    for host in ("mx1", "mx2"):
        # The same dice: the same ids at the same times on two hosts.
        mails += same_id_again(random.Random(seed), origins, host, 3)
    born = mails[0].born
    short = mails[0].queue_id
    mails.append(tell(rng, origins, ("mx1", "postfix-out", short), born))
    for n in range(2):
        born = START + n * SECOND + rng.randrange(SECOND)
        mails.append(tell(rng, origins, ("mx3", "postfix", long_id(born, 5)), born))
    return mails


def refusals(rng: random.Random, number: int) -> list[AnyFact]:
    """Refusals before a queue id existed."""
    return [
        NoqueueFact(
            t=START + rng.randrange(100 * SECOND), host="mx1", instance="postfix",
            component="smtpd", origin=(0, 1_000_000 + n), ordinal=rng.randrange(2),
            action="reject", phase="RCPT", client_addr="203.0.113.9", recipient="x@example.org",
        )
        for n in range(number)
    ]  # fmt: skip
