"""Rows of mails and recipients as lines of COPY text, for stage_from and stage_to.

The sink spends much of its time here, so each kind has one f-string. It serves rows in which
nothing is to be escaped; for the others the same columns go through posttrail_sinks.copy_text.line.
Pure.
"""

from operator import attrgetter

import msgspec

from posttrail.records import ToFact
from posttrail_sinks.copy_text import NULL, Value, is_plain, line, number_array, text_array
from posttrail_sinks.merge import MailRow, RecipientRow


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One attempt as it stands in delivery_to.attempts."""

    t: int
    origin: tuple[int, int]
    status: str
    ordinal: int = 0
    dsn: str | None = None
    relay: str | None = None
    delay: float | None = None
    response: str | None = None


_encode = msgspec.json.Encoder().encode
_NO_SENDER = (None, None, None, None)
_NULLS = tuple("\t".join([NULL] * n) for n in range(5))
_MAIL_TABS = 39
_RECIPIENT_TABS = 29


def _ids(ids: frozenset[str]) -> str | None:
    return text_array(sorted(ids)) if ids else None


def _lines(row: MailRow) -> str | None:
    return number_array(sorted(row.lines)) if row.lines else None


def mail_values(row: MailRow) -> list[Value]:
    """The columns of stage_from, in its order."""
    return [
        *row.key, row.t_first, row.t_last, row.expired_at,
        *row.largest, *row.addresses, *(row.sender or _NO_SENDER),
        row.status_order and number_array(row.status_order), row.status,
        row.reason_order and number_array(row.reason_order), row.reason,
        _ids(row.bounce_ids), _ids(row.delay_ids), _ids(row.dsn_ids), _lines(row),
        row.partial, row.ambiguous,
    ]  # fmt: skip


def mail_line(row: MailRow) -> str:
    """A row of stage_from as COPY text."""
    if row.reason is not None or row.expired_at is not None or _has_ids(row):
        return line(mail_values(row))
    queue_id, host, instance, born = row.key
    client, orig_client = row.addresses
    largest = [NULL if v is None else v if v.__class__ is str else str(v) for v in row.largest]
    sender = _NULLS[4]
    if row.sender is not None:
        rank, address, verp_id, verp_sender = row.sender
        sender = (
            f"{rank}\t{address}\t{NULL if verp_id is None else verp_id}"
            f"\t{NULL if verp_sender is None else verp_sender}"
        )
    status = _NULLS[2]
    if row.status_order is not None:
        status = f"{number_array(row.status_order)}\t{row.status}"
    joined = (
        f"{queue_id}\t{host}\t{instance}\t{born}\t{row.t_first}\t{row.t_last}\t{NULL}\t"
        + "\t".join(largest)
        + f"\t{client or NULL}\t{orig_client or NULL}\t{sender}\t{status}\t{_NULLS[2]}"
        f"\t{NULL}\t{NULL}\t{NULL}\t{_lines(row) or NULL}\t{row.partial}\t{row.ambiguous}"
    )
    return joined if is_plain(joined, _MAIL_TABS) else line(mail_values(row))


def _has_ids(row: MailRow) -> bool:
    return bool(row.bounce_ids or row.delay_ids or row.dsn_ids)


def _attempt(fact: ToFact) -> Attempt:
    return Attempt(
        fact.t, fact.origin, fact.status, fact.ordinal, fact.dsn, fact.relay, fact.delay,
        fact.response,
    )  # fmt: skip


def _attempts(row: RecipientRow) -> tuple[str, str]:
    """The columns attempt_ids and attempts."""
    if len(row.attempts) == 1:
        ((only, fact),) = row.attempts.items()
        return f"{{{only}}}", _encode((_attempt(fact),)).decode()
    newest = [_attempt(fact) for fact in row.newest()]
    return number_array(sorted(row.attempts)), _encode(newest).decode()


_shown_of = attrgetter(
    "relay", "relay_name", "relay_addr", "relay_port", "delay", "conn_use", "tls", "dsn",
    "response", "next_queue_id",
)  # fmt: skip


def recipient_values(row: RecipientRow) -> list[Value]:
    """The columns of stage_to, in its order."""
    rank, t, partition, offset, ordinal = row.order
    delays = row.shown.delays
    return [
        *row.key, row.t_first, row.t_last, rank, t, partition, offset, ordinal,
        row.shown.status, row.shown.probe, row.shown.softbounce, row.shown.ambiguous,
        *_shown_of(row.shown), None if delays is None else number_array(delays), *_attempts(row),
    ]  # fmt: skip


def recipient_line(row: RecipientRow) -> str:
    """A row of stage_to as COPY text."""
    queue_id, host, instance, born, recipient, orig_recipient = row.key
    rank, t, partition, offset, ordinal = row.order
    shown = row.shown
    fields = [NULL if v is None else v if v.__class__ is str else str(v) for v in _shown_of(shown)]
    delays = NULL if shown.delays is None else number_array(shown.delays)
    ids, attempts = _attempts(row)
    joined = (
        f"{queue_id}\t{host}\t{instance}\t{born}\t{recipient}\t{orig_recipient}\t{row.t_first}"
        f"\t{row.t_last}\t{rank}\t{t}\t{partition}\t{offset}\t{ordinal}\t{shown.status}"
        f"\t{shown.probe}\t{shown.softbounce}\t{shown.ambiguous}\t"
        + "\t".join(fields)
        + f"\t{delays}\t{ids}\t{attempts}"
    )
    return joined if is_plain(joined, _RECIPIENT_TABS) else line(recipient_values(row))
