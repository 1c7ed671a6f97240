"""How steps and trees of `posttrail trace` look on a terminal. Knows no database and no Kafka."""

from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from rich.tree import Tree as Drawn

from posttrail.cli.terminal import plain

if TYPE_CHECKING:
    from posttrail_answers.hops import Node, Tree
    from posttrail_answers.timeline import Step

_MOST_MINUTES = 120
_MINUTE = 60
_HOUR = 60 * _MINUTE


def when(moment: datetime | None) -> str:
    """Local time, to the millisecond, with its zone."""
    if moment is None:
        return ""
    local = moment.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local:%Z}"


def duration(seconds: float) -> str:
    """`0.214 s`, `12 min`, `5 h`: what a person reads at a glance."""
    if seconds < _MINUTE:
        return f"{seconds:.3f} s"
    if seconds < _MOST_MINUTES * _MINUTE:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h"


def steps_table(steps: "tuple[Step, ...]") -> Table:
    """A row for each step, below it the lines that prove it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step in steps:
        since = "" if step.after is None else f"+{duration(step.after)}"
        who = f"{step.host} {step.component or ''}".rstrip()
        to = f"<{step.recipient}> " if step.recipient else ""
        table.add_row(when(step.t), since, plain(who), plain(to + step.text))
        for line in step.lines:
            table.add_row("", "", "", Text.assemble(plain(line.text), style="dim"))
    return table


def tree_of(tree: "Tree") -> Drawn:
    """The mail across hosts, the asked one marked."""
    drawn = Drawn(_label(tree.root))
    _below(drawn, tree.root)
    if tree.cut:
        drawn.add(Text("there are more mails than are shown", style="yellow"))
    return drawn


def _below(drawn: Drawn, node: "Node") -> None:
    for child in node.children:
        _below(drawn.add(_label(child)), child)


def _label(node: "Node") -> Text:
    mark = "\N{RIGHTWARDS ARROW} " if node.asked else ""
    label = plain(f"{mark}{node.key.queue_id} on {node.key.host}")
    label.stylize("bold" if node.asked else "")
    label.append(f"  {node.word.value}  ", style="not bold")
    label.append_text(plain(_receivers(node)))
    if node.link is not None:
        doubt = f"; {node.link.doubt}" if node.link.doubt else ""
        said = f"{node.link.kind}, {node.link.sure}: {node.link.basis}{doubt}"
        label.append("\n")
        label.append_text(Text.assemble(plain(said), style="dim"))
    return label


def _receivers(node: "Node") -> str:
    shown = ", ".join(node.recipients[:3])
    more = node.recipient_count - min(3, len(node.recipients))
    return f"{shown} and {more} more" if more > 0 else shown
