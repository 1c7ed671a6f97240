"""What became of a mail in words that a help desk knows. Pure: knows no SQL and no clock.

Postfix's own words come in (`sent`, `deferred`, …), and what the log is known to lack.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from posttrail_answers.gaps import Gap

_TOLD_GAPS = 3
"""Of more than this a sentence says no more than that there are more."""


class Word(StrEnum):
    """What became of a recipient, or of a whole mail."""

    DELIVERED = "delivered"
    PENDING = "pending"
    """Deferred, held or queued."""
    FAILED = "failed"
    """Bounced, expired or rejected."""
    DISCARDED = "discarded"
    FILTERED = "filtered"
    """Given to a content filter on the same host: what came then is told by the next mail."""
    PARTLY = "partly delivered"
    UNKNOWN = "unknown"


_OF_STATUS = {
    "sent": Word.DELIVERED,
    "deliverable": Word.DELIVERED,
    "deferred": Word.PENDING,
    "queued": Word.PENDING,
    "held": Word.PENDING,
    "bounced": Word.FAILED,
    "expired": Word.FAILED,
    "rejected": Word.FAILED,
    "canceled": Word.FAILED,
    "undeliverable": Word.FAILED,
    "undeliverable-but-not-cached": Word.FAILED,
    "discarded": Word.DISCARDED,
}

STATUSES: dict[Word, tuple[str, ...]] = {
    word: tuple(status for status, of in _OF_STATUS.items() if of is word)
    for word in (Word.DELIVERED, Word.PENDING, Word.FAILED, Word.DISCARDED)
}
"""Postfix's words for each of ours."""

# RFC 3463, sections 3.2 to 3.8: subject and detail; the class says whether it will be tried again.
_DETAILS = {
    "1.0": "there is something wrong with the address",
    "1.1": "the mailbox does not exist",
    "1.2": "the domain does not exist or takes no mail",
    "1.3": "the address is written wrongly",
    "1.4": "the address is not unique",
    "1.6": "the mailbox has moved",
    "1.7": "the sender's address is written wrongly",
    "1.8": "the sender's domain does not exist",
    "1.10": "the domain says that it takes no mail",
    "2.0": "there is something wrong with the mailbox",
    "2.1": "the mailbox is disabled",
    "2.2": "the mailbox is full",
    "2.3": "the mail is larger than the mailbox takes",
    "2.4": "the mailing list could not be expanded",
    "3.0": "the other system has a trouble",
    "3.1": "the other system's disk is full",
    "3.2": "the other system takes no mail now",
    "3.4": "the mail is too large for the other system",
    "4.0": "there is something wrong with the network",
    "4.1": "the other host does not answer",
    "4.2": "the connection broke",
    "4.3": "the name server did not answer",
    "4.4": "no way to the other host is known",
    "4.5": "the other system is too busy",
    "4.6": "the mail went in a circle",
    "4.7": "it could not be delivered in time",
    "5.0": "the two sides did not understand each other",
    "5.3": "there are too many recipients",
    "6.0": "the content cannot be taken or converted",
    "6.1": "the content is of a kind that is not taken",
    "7.0": "it was refused for a policy",
    "7.1": "it was refused for a policy: not authorized",
    "7.5": "encryption failed",
    "7.8": "the login was wrong",
    "7.20": "no valid DKIM signature",
    "7.23": "the sender's SPF forbids it",
    "7.25": "the client's address has no right reverse name",
    "7.26": "neither SPF nor DKIM could vouch for it",
}


def of_recipient(status: str, *, filtered: bool = False) -> Word:
    """The word for one row of delivery_to; filtered: its relay is a content filter of ours."""
    if filtered and status == "sent":
        return Word.FILTERED
    return _OF_STATUS.get(status, Word.UNKNOWN)


def of_mail(status: str | None, recipients: Iterable[Word]) -> Word:
    """The word for a mail: of its own status (None: only its arrival is known), its recipients'."""
    words = set(recipients)
    own = Word.UNKNOWN if status is None else _OF_STATUS.get(status, Word.UNKNOWN)
    if own is Word.DISCARDED or (status == "held" and not words):
        return own
    if len(words) > 1 and words & {Word.DELIVERED, Word.FILTERED}:
        return Word.DELIVERED if words == {Word.DELIVERED, Word.FILTERED} else Word.PARTLY
    for word in (Word.PENDING, Word.FAILED, Word.DELIVERED, Word.FILTERED):
        if word in words:
            return word
    return own


def of_dsn(dsn: str | None) -> str | None:
    """Plain words for an enhanced status code (RFC 3463), without those of success."""
    if dsn is None or dsn.startswith("2"):
        return None
    return _DETAILS.get(dsn.partition(".")[2])


def reason(status: str, dsn: str | None, response: str | None) -> str:
    """A sentence for one recipient: what, why, whether it is tried again, the reply."""
    why = of_dsn(dsn)
    said = status if why is None else f"{status}: {why}"
    again = "; will be retried" if status == "deferred" else ""
    reply = f" (reply: {response})" if response else ""
    return f"{said}{again}{reply}"


def explained(word: Word, gaps: Sequence[Gap], last: datetime, zone: tzinfo | None = UTC) -> str:
    """The word; where lines may hide a mail's end, also that, with clocks in the zone.

    Args:
        gaps: in its host's log in its life.
        last: its last line that is known: what was lost before hides nothing of a mail that waits.
        zone: None is the system's.
    """
    if word is Word.UNKNOWN:
        return unknown_because(gaps, zone)
    later = [gap for gap in gaps if gap.t >= last]
    if word is Word.PENDING and later:
        return f"{word.value} as far as is known: {lost(later, zone)}"
    return word.value


def unknown_because(gaps: Sequence[Gap], zone: tzinfo | None = UTC) -> str:
    """Why nothing is known: `unknown because 12 lines were lost on mx2 at 03:10`."""
    if not gaps:
        return Word.UNKNOWN.value
    return f"{Word.UNKNOWN.value} because {lost(gaps, zone)}"


def lost(gaps: Sequence[Gap], zone: tzinfo | None = UTC) -> str:
    """The first few of these gaps: `12 lines were lost on mx2 at 03:10`; at least one."""
    told = [_gap(gap, zone) for gap in gaps[:_TOLD_GAPS]]
    if len(gaps) > _TOLD_GAPS:
        told.append("more at other times")
    return " and ".join(told)


def _gap(gap: Gap, zone: tzinfo | None) -> str:
    lines = "lines were" if gap.lines is None else f"{gap.lines} lines were"
    if gap.lines == 1:
        lines = "1 line was"
    return f"{lines} lost on {gap.host} at {gap.t.astimezone(zone):%H:%M}"
