"""All about one mail: its timeline with its lines, and its way across hosts. The shape of JSON."""

from collections.abc import Sequence

import msgspec
from psycopg2.extensions import connection

from posttrail.config import Settings
from posttrail_answers import hops, timeline
from posttrail_answers.gaps import Gap
from posttrail_answers.hops import Tree
from posttrail_answers.proofs import proven
from posttrail_answers.timeline import MailKey, Step, Timeline
from posttrail_answers.trace import Mail, Recipient
from posttrail_answers.words import Word


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `posttrail trace --json` gives for each mail; absent fields are not known."""

    mail: Mail
    recipients: tuple[Recipient, ...]
    word: Word
    explained: str
    """The word, and what lost lines may hide; clocks in UTC."""
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...] = ()
    """What the host's log is known to lack in the mail's life."""
    missing: str | None = None
    """Why not every raw line is shown."""
    tree: Tree


def answers(opened: connection, keys: Sequence[MailKey], settings: Settings | None) -> list[Answer]:
    """All about each of the mails; without settings no raw line is asked for.

    Raises:
        posttrail.errors.NotFound: there is no such mail.
    """
    found = [timeline.of(opened, key) for key in keys]
    if settings is not None:
        found = proven(settings, found)
    return [answer(each, hops.tree(opened, each.key)) for each in found]


def answer(found: Timeline, tree: Tree) -> Answer:
    """All about one mail. Pure."""
    return Answer(
        mail=found.mail, recipients=found.recipients, word=found.word, explained=found.explained,
        steps=found.steps, gaps=found.gaps, missing=found.missing, tree=tree,
    )  # fmt: skip
