"""What is known of a mail before any log is read: what was sent, and what must become of it.

Written by the client that speaks SMTP; read by the tests. Knows nothing of logs and tables.
"""

from pathlib import Path
from typing import Literal

import msgspec

Held = Literal["held", "released", "deleted"]


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recipient that the tables must show, and how it ended."""

    recipient: str
    status: str
    orig_recipient: str | None = None
    """What the client asked for, where Postfix changed it."""
    attempts: int = 1
    """How often delivery was tried at the least."""
    forwarded: tuple["Row", ...] = ()
    """The rows of the mail that this one turned into (`forwarded as`, `queued as`)."""


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command that Postfix refused, or took and threw away, before the mail had a queue id."""

    action: Literal["reject", "discard"] = "reject"
    code: str | None = None
    dsn: str | None = None
    recipient: str | None = None


class Mail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mail that was tried, with what must be true of it afterwards."""

    number: int
    scenario: str
    sender: str
    message_id: str
    subject: str
    client_name: str | None = None
    client_addr: str | None = None
    helo: str | None = None
    sasl_username: str | None = None
    service: str | None = None
    queue_id: str | None = None
    """From the reply to DATA; absent when the mail was not taken, or came by sendmail(1)."""
    opened: bool = False
    """Whether Postfix gave it a queue id: at least one recipient was taken."""
    status: str | None = None
    """How the mail as a whole must end; None: the log does not say."""
    rows: tuple[Row, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def write(path: Path, mails: list[Mail]) -> None:
    """Leave the truth where the test finds it."""
    path.write_bytes(msgspec.json.encode(mails))


def read(path: Path) -> list[Mail]:
    """The truth of one run."""
    return msgspec.json.decode(path.read_bytes(), type=list[Mail])
