"""Postfix's own word on its queue, `postqueue -j`, against what the tables say waits.

Both looks are never at the same moment: a mail that came or went in between disagrees, and agrees
the next time. Reads only.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from psycopg2.extensions import connection

from posttrail.errors import BadInput
from posttrail_answers.database import sql
from posttrail_answers.queue import Waiting, waiting

NEAR = timedelta(seconds=60)
"""Short ids come again: a mail is the same when it was born so near to its arrival_time, which is
in whole seconds."""

COMING = "its lines are lost or still on their way: see `posttrail status`"
GONE = "it left the queue meanwhile, or the lines of its end are lost or still on their way"
MAILDROP = "sendmail has put it down, pickup has not taken it: the log knows nothing of it yet"


class QueuedRecipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recipient in postqueue(1)'s output."""

    address: str
    delay_reason: str = ""


class Queued(msgspec.Struct, frozen=True):
    """A line of `postqueue -j`, as postqueue(1) describes it."""

    queue_name: str
    """active, corrupt, deferred, hold, incoming or maildrop."""
    queue_id: str
    arrival_time: int
    """Seconds since 1970."""
    sender: str = ""
    message_size: int = 0
    recipients: tuple[QueuedRecipient, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """A mail in the tables under one of the ids."""

    queue_id: str
    born: datetime
    status: str | None = None
    removed_at: datetime | None = None
    ended: tuple[str, ...] = ()
    """Recipients that had their end."""


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that both do not say alike."""

    queue_id: str
    recipient: str | None = None
    """None: the mail as a whole."""
    postqueue: str
    """The queue it is in, or `not in the queue`."""
    posttrail: str
    """What the tables say."""
    why: str
    """How that can be."""


def read(lines: Iterable[bytes]) -> tuple[Queued, ...]:
    """The output of `postqueue -j`; empty lines are left out.

    Raises:
        posttrail.errors.BadInput: a line is not of it.
    """
    decoder = msgspec.json.Decoder(Queued)
    found = []
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"line {number} is not of `postqueue -j`: {error}") from error
    return tuple(found)


def compare(
    opened: connection, queue: Sequence[Queued], host: str, instance: str
) -> tuple[Difference, ...]:
    """Where a host's queue and the tables disagree, both ways; nothing where they agree."""
    ids = [mail.queue_id for mail in queue]
    with opened.cursor() as cursor:
        cursor.execute(sql("queue_known"), {"ids": ids, "host": host, "instance": instance})
        known = [msgspec.convert(found, Known, strict=False) for (found,) in cursor]
    ours = [each for each in waiting(opened, (host,)) if each.instance == instance]
    return (*in_queue_only(queue, known), *in_tables_only(queue, ours))


def in_queue_only(queue: Sequence[Queued], known: Sequence[Known]) -> Iterator[Difference]:
    """What Postfix has and the tables do not know as waiting."""
    for mail in queue:
        same = [each for each in known if is_same(mail, each.queue_id, each.born)]
        if mail.queue_name == "maildrop":
            yield _difference(mail, "unknown", MAILDROP)
        elif not same:
            yield _difference(mail, "unknown", COMING)
        else:
            yield from _ended(mail, same[-1])


def _ended(mail: Queued, known: Known) -> Iterator[Difference]:
    """The end of a mail or of a recipient that Postfix still has."""
    if known.removed_at is not None or known.status in {"rejected", "discarded", "canceled"}:
        yield _difference(mail, known.status or "removed", "it left the queue after that list")
        return
    for recipient in mail.recipients:
        if recipient.address in known.ended:
            yield _difference(
                mail, "ended", "delivered or given up after that list", recipient.address
            )


def in_tables_only(queue: Sequence[Queued], ours: Sequence[Waiting]) -> Iterator[Difference]:
    """What the tables know as waiting and Postfix does not have."""
    by_id = {mail.queue_id: mail for mail in queue}
    for row in ours:
        mail = by_id.get(row.queue_id)
        if mail is None or not is_same(mail, row.queue_id, row.born):
            yield Difference(
                queue_id=row.queue_id, recipient=row.recipient, postqueue="not in the queue",
                posttrail=row.state, why=GONE,
            )  # fmt: skip
        elif row.recipient is not None and row.recipient not in _addresses(mail):
            yield Difference(
                queue_id=row.queue_id, recipient=row.recipient, postqueue="recipient has ended",
                posttrail=row.state, why=GONE,
            )  # fmt: skip


def is_same(mail: Queued, queue_id: str, born: datetime) -> bool:
    """Whether a mail of the tables is the one in the queue."""
    arrival = datetime.fromtimestamp(mail.arrival_time, UTC)
    return mail.queue_id == queue_id and abs(born - arrival) <= NEAR


def _addresses(mail: Queued) -> set[str]:
    return {recipient.address for recipient in mail.recipients}


def _difference(mail: Queued, posttrail: str, why: str, recipient: str | None = None) -> Difference:
    return Difference(
        queue_id=mail.queue_id, recipient=recipient, postqueue=mail.queue_name,
        posttrail=posttrail, why=why,
    )  # fmt: skip
