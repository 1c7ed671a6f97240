"""Steps and trees on a terminal: text from strangers stays text."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from posttrail_answers.hop_links import Link
from posttrail_answers.hops import Node, Tree
from posttrail_answers.timeline import Line, MailKey, Step
from posttrail_answers.words import Word
from rich.console import Console, RenderableType

from posttrail.cli.trace_forms import steps_table, tree_of

BORN = datetime(2026, 3, 1, 10, tzinfo=UTC)
EVIL = "\x1b]0;x\x07\x1b[2J\x9b31m\r\n\N{RIGHT-TO-LEFT OVERRIDE}[bold red]x[/]"
GONE = "\N{REPLACEMENT CHARACTER}"
SHOWN = f"{GONE}]0;x{GONE}{GONE}[2J{GONE}31m{GONE * 3}[bold red]x[/]"


def printed(shown: RenderableType) -> str:
    """As on a terminal of colours."""
    written = StringIO()
    console = Console(file=written, width=4000, force_terminal=True, color_system=None)
    console.print(shown)
    return written.getvalue()


def node(*children: Node, link: Link | None = None) -> Node:
    return Node(
        key=MailKey("47NQzY13DbzB", EVIL, "postfix", BORN), word=Word.DELIVERED, sender=EVIL,
        recipients=(EVIL,), recipient_count=1, asked=link is None, link=link, children=children,
    )  # fmt: skip


STEP = Step(
    t=BORN, host=EVIL, kind="attempt", text=EVIL, component=EVIL, recipient=EVIL, after=1,
    lines=(Line(origin=(0, 1), text=EVIL),),
)  # fmt: skip
LINK = Link(kind="queued as", sure="certain", basis=EVIL, doubt=EVIL)
TREE = Tree(root=node(node(link=LINK)), mails=2, cut=False)


@pytest.mark.parametrize(
    ("shown", "times"), [(steps_table((STEP,)), 5), (tree_of(TREE), 6)], ids=["steps", "tree"]
)
def test_text_from_strangers_does_nothing_to_the_terminal(
    shown: RenderableType, times: int
) -> None:
    written = printed(shown)

    assert written.count(SHOWN) == times
    assert all(char.isprintable() for char in written.replace("\n", ""))
