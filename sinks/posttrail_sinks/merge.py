"""Facts of one batch merged into rows, by the same joins as sql/upsert_*.sql merges rows.

Every column is a join (commutative, associative, idempotent): the order, the repetition and the
batching of facts do not matter. Pure; knows no connection. Which mail a fact belongs to (`born`) is
decided before.
"""

from collections.abc import Collection, Sequence
from ipaddress import ip_address
from operator import attrgetter
from typing import Any, TypeAlias

from posttrail.records import Fact, FromFact, ToFact
from posttrail_sinks.packing import attempt_id, packed

IdKey: TypeAlias = tuple[str, str, str]
"""(queue_id, host, instance)."""
MailKey: TypeAlias = tuple[str, str, str, int]
"""(queue_id, host, instance, born): born in microseconds since 1970 UTC."""
RecipientKey: TypeAlias = tuple[str, str, str, int, str, str]
"""A mail's key, recipient, orig_recipient."""

NEWEST_ATTEMPTS = 20
"""Attempts kept in full; all are counted. sql function newest_attempts() names it too."""

INTAKE = frozenset({"smtpd", "qmqpd", "pickup", "cleanup"})
"""The daemons that log a mail's beginning."""

_RANKS = {
    "queued": 0, "held": 0, "expired": 0,
    "canceled": 1, "removed": 1,
    "rejected": 2, "discarded": 2,
}  # fmt: skip
"""An end beats what was before, however late that is logged; and why a mail ended beats that it is
gone, which cleanup and qmgr may log after."""

# Columns that keep the largest value that any line gave. A mail has one client, one size, one
# message-id; where lines differ all the same, the largest is the same in every order.
_LARGEST = (
    "removed_at", "uid", "size", "nrcpt", "client_port", "client_name", "sasl_method",
    "sasl_username", "sasl_sender", "orig_queue_id", "orig_client_name", "requeued_from",
    "message_id", "resent_message_id", "subject", "proto", "helo",
)  # fmt: skip
_largest_of = attrgetter(*_LARGEST)

Order: TypeAlias = tuple[int, int, int, int, int]
"""Rank, t, partition, offset, ordinal."""
Sender: TypeAlias = tuple[int, str, str | None, str | None]
"""Rank, sender, verp_id, verp_sender."""


def _larger_address(a: str | None, b: str | None) -> str | None:
    """As PostgreSQL orders inet: IPv4 before IPv6, then by the bits."""
    if a is None or b is None or a == b:
        return b if a is None else a
    left, right = ip_address(a), ip_address(b)
    return b if (right.version, int(right)) > (left.version, int(left)) else a


def _sender_order(sender: Sender) -> tuple[int, str, str, str]:
    rank, text, verp_id, verp_sender = sender
    return rank, text, verp_id or "", verp_sender or ""


def _order(fact: Fact, rank: int) -> Order:
    partition, offset = fact.origin
    return rank, fact.t, partition, offset, fact.ordinal


class MailRow:
    """A row of delivery_from in the making."""

    __slots__ = (
        "addresses", "ambiguous", "bounce_ids", "delay_ids", "dsn_ids", "expired_at", "key",
        "largest", "lines", "partial", "reason", "reason_order", "sender", "status", "status_order",
        "t_first", "t_last",
    )  # fmt: skip

    def __init__(self, key: MailKey, t: int) -> None:
        self.key = key
        self.t_first = self.t_last = t
        self.expired_at: int | None = None
        self.largest: list[Any] = [None] * len(_LARGEST)
        self.addresses: tuple[str | None, str | None] = (None, None)
        self.sender: Sender | None = None
        self.status_order: Order | None = None
        self.status: str | None = None
        self.reason_order: Order | None = None
        self.reason: str | None = None
        self.bounce_ids: frozenset[str] = frozenset()
        self.delay_ids: frozenset[str] = frozenset()
        self.dsn_ids: frozenset[str] = frozenset()
        self.lines: set[int] = set()
        self.partial = True
        self.ambiguous = False

    def see(self, fact: Fact) -> None:
        """Take what every line of the mail tells: when it was, and whether the mail began here."""
        if fact.t < self.t_first:  # noqa: PLR1730  # once per line: min() is a call
            self.t_first = fact.t
        if fact.t > self.t_last:  # noqa: PLR1730
            self.t_last = fact.t
        if fact.component in INTAKE:
            self.partial = False

    def learn(self, fact: FromFact) -> None:
        """Take what a line about the mail as a whole tells."""
        self.lines.add(packed(fact.origin, fact.ordinal))
        largest = self.largest
        for at, value in enumerate(_largest_of(fact)):
            if value is not None and (largest[at] is None or value > largest[at]):
                largest[at] = value
        if fact.client_addr is not None or fact.orig_client_addr is not None:
            client, orig_client = self.addresses
            self.addresses = (
                _larger_address(client, fact.client_addr),
                _larger_address(orig_client, fact.orig_client_addr),
            )
        if fact.sender is not None:
            self._learn_sender(fact, fact.sender)
        if fact.status is not None or fact.reason is not None:
            self._learn_status(fact)
        if fact.bounce_ids or fact.delay_ids or fact.dsn_ids:
            self.bounce_ids |= frozenset(fact.bounce_ids)
            self.delay_ids |= frozenset(fact.delay_ids)
            self.dsn_ids |= frozenset(fact.dsn_ids)
        self.ambiguous = self.ambiguous or fact.ambiguous

    def _learn_sender(self, fact: FromFact, sender: str) -> None:
        """What qmgr logs (with the size) is the sender after rewriting: it wins."""
        new = (int(fact.size is not None), sender, fact.verp_id, fact.verp_sender)
        if self.sender is None or _sender_order(new) > _sender_order(self.sender):
            self.sender = new

    def _learn_status(self, fact: FromFact) -> None:
        rank = _RANKS.get(fact.status or "", -1)
        order = _order(fact, rank)
        if fact.status is not None and (self.status_order is None or order > self.status_order):
            self.status_order, self.status = order, fact.status
        if fact.reason is not None and (self.reason_order is None or order > self.reason_order):
            self.reason_order, self.reason = order, fact.reason
        # postsuper logs `expired` when someone asks for it; it is so when qmgr says so.
        if fact.status == "expired" and fact.component != "postsuper":
            self.expired_at = max(self.expired_at or 0, fact.t)


def attempt_order(fact: ToFact) -> Order:
    """Which attempt a row shows: the greatest. An end beats a deferral, then the later wins."""
    return _order(fact, int(fact.status != "deferred"))


class RecipientRow:
    """A row of delivery_to in the making."""

    __slots__ = ("attempts", "key", "order", "shown", "t_first", "t_last")

    def __init__(self, key: RecipientKey, fact: ToFact) -> None:
        self.key = key
        self.t_first = self.t_last = fact.t
        self.order = attempt_order(fact)
        self.shown = fact
        self.attempts = {attempt_id(fact): fact}

    def learn(self, fact: ToFact) -> None:
        """Take one more attempt."""
        self.t_first = min(self.t_first, fact.t)
        self.t_last = max(self.t_last, fact.t)
        order = attempt_order(fact)
        if order > self.order:
            self.order, self.shown = order, fact
        attempt = attempt_id(fact)
        known = self.attempts.get(attempt)
        if known is None or fact.origin < known.origin:
            self.attempts[attempt] = fact

    def newest(self) -> list[ToFact]:
        """The attempts that are kept in full, oldest first."""
        in_order = sorted(self.attempts.values(), key=lambda fact: _order(fact, 0))
        return in_order[-NEWEST_ATTEMPTS:]


class Rows:
    """Rows of mails and recipients in the making: what a batch adds to the tables."""

    def __init__(self) -> None:
        self.mails: dict[MailKey, MailRow] = {}
        self.recipients: dict[RecipientKey, RecipientRow] = {}

    def add(self, fact: FromFact | ToFact, born: int) -> None:
        """Merge a fact into the rows of the mail that was born then."""
        self.add_all((fact,), (fact.queue_id, fact.host, fact.instance, born))

    def add_all(self, facts: Sequence[FromFact | ToFact], key: MailKey) -> None:
        """Merge facts of one mail into its rows."""
        mail = self.mails.get(key)
        if mail is None:
            mail = self.mails[key] = MailRow(key, facts[0].t)
        for fact in facts:
            mail.see(fact)
            if isinstance(fact, FromFact):
                mail.learn(fact)
            else:
                self._add_attempt(fact, key)

    def without(self, ids: Collection[IdKey]) -> "Rows":
        """The same without the mails of some ids."""
        left = Rows()
        left.mails = {key: row for key, row in self.mails.items() if key[:3] not in ids}
        left.recipients = {key: row for key, row in self.recipients.items() if key[:3] not in ids}
        return left

    def _add_attempt(self, fact: ToFact, mail: MailKey) -> None:
        orig_recipient = fact.recipient if fact.orig_recipient is None else fact.orig_recipient
        key = (*mail, fact.recipient, orig_recipient)
        recipient = self.recipients.get(key)
        if recipient is None:
            self.recipients[key] = RecipientRow(key, fact)
        else:
            recipient.learn(fact)
