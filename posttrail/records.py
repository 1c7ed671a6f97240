"""The facts that processors hand to sinks, as JSON on `maillog.deliveries`.

Field names are Postfix's own words and the names of the table columns. An absent field is not
known: it is left out of the JSON, None is never written. Readers ignore unknown fields and default
missing ones, so that old and new versions can meet. Times are integers: microseconds since
1970-01-01 UTC. Text holds no NUL and no lone surrogate, and respects the byte limits below, so that
PostgreSQL takes every row. Knows nothing of Kafka, SQL or parsing.
"""

from typing import Literal, TypeAlias

import msgspec

MAX_ADDRESS_BYTES = 998
"""Addresses, message-ids, names: longer ones break the 2,704 bytes of a B-tree entry."""
MAX_TEXT_BYTES = 2048
"""Replies and reasons: Postfix cuts a syslog line at 2,000 bytes itself (util/msg_syslog.c)."""

Origin: TypeAlias = tuple[int, int]
"""Where the raw line stands on `maillog.raw`: (partition, offset). The line's identity for good."""

LineClass: TypeAlias = Literal["fact", "ignored", "foreign", "dead"]
"""What became of a line: exactly one of these, and their counts add up to the lines read."""

FromStatus: TypeAlias = Literal[
    "queued", "held", "expired", "rejected", "discarded", "canceled", "removed"
]
ToStatus: TypeAlias = Literal[
    "sent", "deferred", "bounced", "expired", "rejected",
    "deliverable", "undeliverable", "undeliverable-but-not-cached",
]  # fmt: skip
NoqueueAction: TypeAlias = Literal["reject", "milter-reject", "proxy-reject", "discard", "hangup"]


class Record(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False
):
    """What every fact has."""

    t: int
    """When the line was logged, microseconds since 1970 UTC."""
    host: str
    origin: Origin
    ordinal: int = 0
    """Which of several facts of one type from one line: `message repeated N times` makes 0..N-1."""


class Fact(Record, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A fact that a Postfix daemon logged."""

    instance: str
    """First part of the tag: `postfix`, `postfix-out`."""
    component: str
    """Last part of the tag: the daemon (`smtpd`, `qmgr`)."""
    service: str | None = None
    """What stands between: `submission` in `postfix/submission/smtpd`."""
    pid: int | None = None


class FromFact(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="from"):
    """Something about a mail as a whole: who sent it, how large, what became of it."""

    queue_id: str
    client_name: str | None = None
    client_addr: str | None = None
    """A valid IP address without zone or brackets, else absent (the text is in client_name)."""
    client_port: int | None = None
    sasl_method: str | None = None
    sasl_username: str | None = None
    sasl_sender: str | None = None
    orig_queue_id: str | None = None
    orig_client_name: str | None = None
    orig_client_addr: str | None = None
    uid: int | None = None
    requeued_from: str | None = None
    sender: str | None = None
    """Without the brackets; the null sender is the empty string."""
    size: int | None = None
    nrcpt: int | None = None
    verp_id: str | None = None
    verp_sender: str | None = None
    message_id: str | None = None
    resent_message_id: str | None = None
    subject: str | None = None
    status: FromStatus | None = None
    reason: str | None = None
    proto: str | None = None
    helo: str | None = None
    removed_at: int | None = None
    bounce_ids: tuple[str, ...] = ()
    delay_ids: tuple[str, ...] = ()
    dsn_ids: tuple[str, ...] = ()
    ambiguous: bool = False
    """The line could be read in more than one way; this is the safe reading."""


class ToFact(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="to"):
    """One attempt to deliver a mail to one recipient, or the refusal of a later recipient."""

    queue_id: str
    recipient: str
    orig_recipient: str | None = None
    """Absent when equal to recipient."""
    relay: str | None = None
    relay_name: str | None = None
    relay_addr: str | None = None
    relay_port: int | None = None
    delay: float | None = None
    delays: tuple[float, float, float, float] | None = None
    """Seconds: before qmgr, in qmgr, connection set-up, transmission."""
    conn_use: int | None = None
    tls: str | None = None
    dsn: str | None = None
    status: ToStatus
    probe: bool = False
    softbounce: bool = False
    response: str | None = None
    next_queue_id: str | None = None
    ambiguous: bool = False


class NoqueueFact(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="noqueue"):
    """A refusal before a queue id existed."""

    action: NoqueueAction
    phase: str | None = None
    client_name: str | None = None
    client_addr: str | None = None
    client_port: int | None = None
    sender: str | None = None
    recipient: str | None = None
    proto: str | None = None
    helo: str | None = None
    sasl_method: str | None = None
    sasl_username: str | None = None
    sasl_sender: str | None = None
    code: str | None = None
    dsn: str | None = None
    reason: str | None = None
    ambiguous: bool = False


class GapFact(Record, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="gap"):
    """Log lines that are known to be missing."""

    source: str
    """Which source lost them: `journal`, a file's path, `rsyslog`."""
    lines: int | None = None
    """How many; absent when nobody can know."""
    reason: str


AnyFact: TypeAlias = FromFact | ToFact | NoqueueFact | GapFact

encode_fact = msgspec.json.Encoder().encode
"""A fact as the bytes of one record on `maillog.deliveries`."""

_decoder: msgspec.json.Decoder[AnyFact] = msgspec.json.Decoder(AnyFact)


def decode_fact(value: bytes) -> AnyFact:
    """The fact in a record of `maillog.deliveries`.

    Raises:
        msgspec.DecodeError: not JSON, an unknown type, a missing or wrongly typed field.
    """
    return _decoder.decode(value)
