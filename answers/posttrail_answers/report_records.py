"""What a report says: records only, no question and no look.

Counts are of mails where the name says mails, else of recipients: one mail to three recipients is
delivered three times, as pflogsumm counts, too. Sizes are bytes, delays seconds.
"""

from datetime import date, datetime

import msgspec

from posttrail_answers.gaps import Gap


class Period(msgspec.Struct, frozen=True):
    """From `since` on, until just before `until`; days and hours are those of `zone`."""

    since: datetime
    until: datetime
    zone: str = "UTC"
    """A name of the tz database."""


class Narrowed(msgspec.Struct, frozen=True):
    """Which part of the mail traffic a report is about; empty means all of it."""

    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """Lower case; a mail counts where its sender or the recipient is in one of them."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of the period."""

    received: int
    """Mails that came by SMTP or sendmail; bounces that Postfix made itself are not among them."""
    delivered: int
    forwarded: int
    deferred: int
    """Mails with at least one deferred attempt."""
    deferrals: int
    """Deferred attempts."""
    bounced: int
    expired: int
    """Recipients given up after maximal_queue_lifetime."""
    rejected: int
    discarded: int
    held: int
    """Mails of the period that are on hold now: the tables keep how a mail stands."""
    bytes_received: int
    bytes_delivered: int
    senders: int
    sending_domains: int
    recipients: int
    recipient_domains: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a piece of time."""

    received: int
    delivered: int
    deferred: int
    """Attempts."""
    bounced: int
    rejected: int


class DayCounts(Counts, frozen=True, kw_only=True):
    """One day of the period's zone."""

    day: date


class HourOfDayCounts(Counts, frozen=True, kw_only=True):
    """The same hour of all days, 0 to 23."""

    hour: int


class RecipientDomain(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail went."""

    domain: str
    delivered: int
    bytes: int
    deferred: int
    """Attempts."""
    bounced: int
    average_delay: float | None
    """Of what was delivered."""
    max_delay: float | None
    """Of every attempt."""


class SenderDomain(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail came from: the sender's domain; without one, the client."""

    domain: str
    received: int
    bytes: int


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A sender or a recipient; an empty address is `<>`."""

    address: str
    mails: int
    bytes: int


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """Who was asked to take mail."""

    relay: str
    delivered: int
    deferred: int
    bounced: int
    average_delay: float | None
    max_delay: float | None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Rejects and discards of one kind; addresses in front of a reason are left out."""

    action: str
    phase: str
    """As in Postfix's line; `cleanup` where the mail's content was the reason."""
    code: str | None
    dsn: str | None
    reason: str
    count: int


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why mail was deferred or bounced: the reply without its code and the server's name."""

    status: str
    reason: str
    count: int


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of the delays of what was delivered.

    Stages are those of Postfix's `delays=`: a before the queue manager, b in the queue, c
    connecting, d sending.
    """

    stage: str
    count: int
    p50: float
    p90: float
    p95: float
    p99: float


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A SASL user who sent mail."""

    username: str
    mails: int
    bytes: int
    clients: int
    """Different client addresses."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; lists are sorted by how much, days and hours by time."""

    period: Period
    narrowed: Narrowed
    gaps: tuple[Gap, ...]
    """Log lines of the period that are known to be missing: the counts are too small by them."""
    totals: Totals
    days: tuple[DayCounts, ...]
    hours: tuple[HourOfDayCounts, ...]
    recipient_domains: tuple[RecipientDomain, ...]
    sender_domains: tuple[SenderDomain, ...]
    senders: tuple[Party, ...]
    senders_by_size: tuple[Party, ...]
    recipients: tuple[Party, ...]
    recipients_by_size: tuple[Party, ...]
    relays: tuple[Relay, ...]
    refusals: tuple[Refusal, ...]
    reasons: tuple[Reason, ...]
    delays: tuple[Percentiles, ...]
    logins: tuple[Login, ...]


class HourCounts(Counts, frozen=True, kw_only=True):
    """One hour of time, for a chart; hours without mail are there, too."""

    start: datetime
