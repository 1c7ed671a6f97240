"""One mail across hosts, filters, forwards and notices, as one tree with the asked mail marked.

Reads links round by round, up and down; `hop_links` judges them. Knows no Kafka and no terminal.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from psycopg2.extensions import connection

from posttrail.errors import NotFound
from posttrail_answers import words
from posttrail_answers.database import sql
from posttrail_answers.hop_links import Candidate, Judged, Link, chosen, plausible
from posttrail_answers.timeline import MailKey
from posttrail_answers.words import Word

MOST_MAILS = 300
MOST_ROUNDS = 30
MOST_LINKS = 200
"""Of one kind from one mail: a list has hundreds of recipients, a loop repeats without end."""
MOST_TWINS = 50
"""Mails with one message-id: a newsletter has thousands."""

OLDEST = timedelta(days=15)
"""How far a mail's birth can be from that of the one it came from, and a day."""


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mail in the tree."""

    key: MailKey
    word: Word
    status: str | None = None
    """Postfix's word for the mail as a whole."""
    sender: str | None = None
    message_id: str | None = None
    subject: str | None = None
    recipients: tuple[str, ...] = ()
    """The first 20."""
    recipient_count: int = 0
    asked: bool = False
    link: Link | None = None
    """To the mail above; None: it is the root."""
    children: tuple["Node", ...] = ()
    """Oldest first."""


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """The whole way of a mail, as far as our hosts saw it."""

    root: Node
    mails: int
    cut: bool
    """There is more than is shown."""


class _Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What sql/hops_mails.sql gives."""

    key: MailKey
    sender: str | None
    message_id: str | None
    subject: str | None
    status: str | None
    recipient_count: int
    recipients: tuple[str, ...]
    outcomes: tuple[tuple[str, bool], ...]


def tree(opened: connection, key: MailKey) -> Tree:
    """All that the mail came from and became.

    Raises:
        posttrail.errors.NotFound: there is no such mail.
    """
    candidates, cut = _gathered(opened, key)
    ends = {key} | {mail for each in candidates for mail in (each.parent, each.child)}
    briefs = _briefs(opened, ends)
    if key not in briefs:
        raise NotFound(f"{key.queue_id}: no such mail on {key.host}")
    # A mail may be gone by now, and row security may hide one.
    parents = chosen(each for each in candidates if {each.parent, each.child} <= briefs.keys())
    below: dict[MailKey, list[MailKey]] = {}
    for child in sorted(parents, key=lambda child: (child.born, child)):
        below.setdefault(parents[child].parent, []).append(child)
    root = _root(key, parents)
    mails = sum(1 for _ in _within(root, below))
    return Tree(root=_node(root, key, briefs, parents, below), mails=mails, cut=cut)


def _gathered(opened: connection, key: MailKey) -> tuple[set[Candidate], bool]:
    """Every link within reach, and whether there are more."""
    candidates: set[Candidate] = set()
    seen, edge = {key}, {key}
    cut = False
    for _ in range(MOST_ROUNDS):
        found = _links(opened, edge)
        cut = cut or any(sum(each.parent == mail for each in found) >= MOST_LINKS for mail in edge)
        fits = set(plausible(found))
        new = {mail for each in fits for mail in (each.parent, each.child)} - seen
        edge = set(sorted(new, key=lambda mail: mail.born)[: MOST_MAILS - len(seen)])
        seen |= edge
        candidates |= {each for each in fits if {each.parent, each.child} <= seen}
        cut = cut or edge != new
        if not edge:
            return candidates, cut
    return candidates, True


def _arrays(keys: Collection[MailKey]) -> dict[str, Any]:
    ordered = sorted(keys)
    return {name: [getattr(key, name) for key in ordered] for name in MailKey.__struct_fields__}


def _links(opened: connection, keys: Collection[MailKey]) -> list[Candidate]:
    with opened.cursor() as cursor:
        cursor.execute(
            sql("hops_links"),
            _arrays(keys)
            | {
                "limit": MOST_LINKS,
                "twins": MOST_TWINS,
                "since": min(key.born for key in keys) - OLDEST,
                "until": max(key.born for key in keys) + OLDEST,
            },
        )
        return [msgspec.convert(found, Candidate, strict=False) for (found,) in cursor]


def _briefs(opened: connection, keys: Collection[MailKey]) -> dict[MailKey, _Brief]:
    with opened.cursor() as cursor:
        cursor.execute(sql("hops_mails"), _arrays(keys))
        each = [msgspec.convert(found, _Brief, strict=False) for (found,) in cursor]
    return {brief.key: brief for brief in each}


def _root(key: MailKey, parents: Mapping[MailKey, Judged]) -> MailKey:
    while key in parents:
        key = parents[key].parent
    return key


def _within(root: MailKey, below: Mapping[MailKey, list[MailKey]]) -> Iterator[MailKey]:
    """The root and all below it; `chosen` has closed no circle."""
    yield root
    for child in below.get(root, []):
        yield from _within(child, below)


def _node(
    at: MailKey,
    asked: MailKey,
    briefs: Mapping[MailKey, _Brief],
    parents: Mapping[MailKey, Judged],
    below: Mapping[MailKey, list[MailKey]],
) -> Node:
    brief = briefs[at]
    outcomes = [words.of_recipient(status, filtered=by) for status, by in brief.outcomes]
    return Node(
        key=at, word=words.of_mail(brief.status, outcomes), status=brief.status,
        sender=brief.sender, message_id=brief.message_id, subject=brief.subject,
        recipients=brief.recipients, recipient_count=brief.recipient_count, asked=at == asked,
        link=parents[at].link() if at in parents else None,
        children=tuple(
            _node(child, asked, briefs, parents, below) for child in below.get(at, [])
        ),
    )  # fmt: skip
