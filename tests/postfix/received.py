"""Which way mails went, read from the mails themselves: no log is asked.

Each host wrote its name and its queue id into a Received header; a notice names the mail that it is
about (RFC 3464). Pure.
"""

import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.message import Message
from itertools import pairwise
from pathlib import Path

import msgspec

_BY = re.compile(r"by (\w+)\.example\.com \(Postfix[^)]*\)(?: with \w+)? id (\w+)")


class Hop(msgspec.Struct, frozen=True, order=True):
    """A mail on one host."""

    host: str
    queue_id: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What a client sent, as it knows it."""

    name: str
    message_id: str
    first: Hop
    """The first host's reply named it."""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one run."""

    stories: tuple[Story, ...]
    steps: tuple[tuple[Hop, Hop], ...]
    """A mail, and one that came of it."""
    mailboxes: tuple[tuple[Hop, str], ...]
    """The last mail of a way, and whose mailbox it came to."""

    def story(self, name: str) -> Story:
        """The one of this name."""
        (found,) = [story for story in self.stories if story.name == name]
        return found

    def within(self, first: Hop) -> frozenset[tuple[Hop, Hop]]:
        """Every step that begins with this mail."""
        found: set[tuple[Hop, Hop]] = set()
        reached = {first}
        while new := {step for step in self.steps if step[0] in reached} - found:
            found |= new
            reached |= {child for _, child in new}
        return frozenset(found)


def steps_of(mails: Iterable[Path]) -> tuple[tuple[Hop, Hop], ...]:
    """The steps of all mails, each once."""
    return tuple(sorted({step for mail in mails for step in _steps(_read(mail))}))


def ends_of(mails: Iterable[Path]) -> tuple[tuple[Hop, str], ...]:
    """The last mail of each way and its recipient."""
    read = [_read(mail) for mail in mails]
    return tuple(sorted((_chain(each)[-1], str(each["Delivered-To"])) for each in read))


def _read(mail: Path) -> Message:
    return message_from_bytes(mail.read_bytes())


def _steps(mail: Message) -> Iterator[tuple[Hop, Hop]]:
    chain = _chain(mail)
    yield from pairwise(chain)
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            yield _about(part), chain[0]
        elif part.get_content_type() in {"message/rfc822", "text/rfc822-headers"}:
            yield from pairwise(_chain(message_from_bytes(_inner(part))))


def _inner(part: Message) -> bytes:
    """The mail in an attachment: whole, or its head as text."""
    payload = part.get_payload()
    if isinstance(payload, list):
        (mail,) = payload
        assert isinstance(mail, Message)
        return mail.as_bytes()
    return str(payload).encode()


def _chain(mail: Message) -> list[Hop]:
    """First host first; each host puts its header above the others."""
    lines = (" ".join(str(value).split()) for value in mail.get_all("Received", []))
    found = (_BY.search(line) for line in lines)
    return [Hop(match[1], match[2]) for match in found if match][::-1]


def _about(status: Message) -> Hop:
    """The mail that a notice is about; X-Postfix-Queue-ID: bounce_notify_util.c."""
    head = next(part for part in status.walk() if "X-Postfix-Queue-ID" in part)
    host = str(head["Reporting-MTA"]).rpartition(";")[2].strip().partition(".")[0]
    return Hop(host, str(head["X-Postfix-Queue-ID"]))
