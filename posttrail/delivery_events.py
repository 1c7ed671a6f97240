"""The records of `maillog.events`: what other programs are told of a mail and its recipients.

docs/events.schema.json is made from here. Rules of change: a field may be added and must have a
default; none is renamed, removed or given another meaning. So a reader ignores what it does not
know, takes defaults for what it misses, and old and new can meet; `version` tells how much a record
may hold. A record without value (a tombstone) says that its row is gone.
Knows nothing of Kafka, SQL or parsing.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

VERSION = 1

_Time = Annotated[datetime, Meta(tz=True)]


class DeliveryEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The present state of a mail (no `recipient`), or of one of its recipients."""

    version: Annotated[int, Meta(description="Fields up to this version may be there", ge=1)]
    host: Annotated[str, Meta(description="The mail host")]
    instance: Annotated[str, Meta(description="The Postfix instance")]
    queue_id: Annotated[str, Meta(description="Postfix's id of the mail; ids are used again")]
    born: Annotated[
        _Time, Meta(description="When the mail was made, UTC; tells mails of one id apart")
    ]
    t: Annotated[_Time, Meta(description="When Postfix logged what made this state, UTC")]
    status: Annotated[
        str | None,
        Meta(
            description="Of a recipient: sent, deferred, bounced, expired, rejected, deliverable, "
            "undeliverable, undeliverable-but-not-cached. Of a mail: queued, held, expired, "
            "rejected, discarded, canceled, removed; absent: it arrived. Others may come"
        ),
    ] = None
    sender: Annotated[
        str | None, Meta(description="Envelope sender; empty: a notice; absent: not known yet")
    ] = None
    message_id: Annotated[str | None, Meta(description="As logged, with its brackets")] = None
    size: Annotated[int | None, Meta(description="Of a mail: bytes")] = None
    nrcpt: Annotated[int | None, Meta(description="Of a mail: number of recipients")] = None
    reason: Annotated[
        str | None, Meta(description="Of a mail: why it was rejected, held or discarded")
    ] = None
    recipient: Annotated[
        str | None, Meta(description="Absent: this is the state of the mail as a whole")
    ] = None
    orig_recipient: Annotated[
        str | None, Meta(description="Before aliases; absent: equal to recipient")
    ] = None
    relay: Annotated[str | None, Meta(description="Of a recipient: the next server")] = None
    dsn: Annotated[str | None, Meta(description="Of a recipient: status code, RFC 3463")] = None
    response: Annotated[str | None, Meta(description="Of a recipient: the server's words")] = None
    delay: Annotated[float | None, Meta(description="Of a recipient: seconds since it came")] = None
    attempts: Annotated[int | None, Meta(description="Of a recipient: deliveries tried")] = None
    next_queue_id: Annotated[
        str | None, Meta(description="Of a recipient: the mail's id on the next server")
    ] = None
    probe: Annotated[bool, Meta(description="An address was tried out: no mail moved")] = False


encode_event = msgspec.json.Encoder().encode
"""An event as the value of a record."""

_decoder = msgspec.json.Decoder(DeliveryEvent)


def decode_event(value: bytes) -> DeliveryEvent:
    """The event in a record.

    Raises:
        msgspec.DecodeError: not JSON, a missing or wrongly typed field.
    """
    return _decoder.decode(value)


class Row(msgspec.Struct, frozen=True):
    """Whose state a record tells: the keys of `delivery_from` or `delivery_to`."""

    host: str
    instance: str
    queue_id: str
    born: int
    """Microseconds since 1970 UTC."""
    recipient: str | None = None
    """None: the mail as a whole."""
    orig_recipient: str | None = None
    """None, or equal to recipient, where the log names none."""


def key(row: Row) -> bytes:
    """The key of a record: `host/instance/queue_id/born/recipient`; nothing behind a mail's born.

    Where the original recipient is another one it comes behind. `%` and `/` within a part are
    written as in a URL, so that no two rows have one key.
    """
    parts = [row.host, row.instance, row.queue_id, str(row.born)]
    if row.recipient is not None:
        parts.append(row.recipient)
        if row.orig_recipient not in {None, row.recipient}:
            parts.append(row.orig_recipient or "")
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts).encode()


def state_id(key: bytes, value: bytes) -> str:
    """Names a state: the same when it comes again, so that a receiver can tell repeats."""
    return hashlib.sha256(b"%d/%b%b" % (len(key), key, value)).hexdigest()[:32]


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a record's value."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    found = msgspec.json.schema(DeliveryEvent)
    named = found["$defs"][DeliveryEvent.__name__]
    return {**head, **named}
