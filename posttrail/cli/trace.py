"""`posttrail trace`: one mail on the terminal, or as JSON."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrail import config
from posttrail.cli.terminal import plain
from posttrail.cli.trace_forms import steps_table, tree_of
from posttrail.cli.trace_forms import when as _when
from posttrail.errors import NotFound

if TYPE_CHECKING:
    from posttrail_answers.answer import Answer
    from posttrail_answers.trace import Mail, Recipient

_STYLES = {
    "sent": "green",
    "removed": "green",
    "deferred": "yellow",
    "held": "yellow",
    "bounced": "red",
    "expired": "red",
    "rejected": "red",
    "discarded": "red",
}

_TWO_WAYS = "a line could be read in two ways; the safe reading is shown"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trace)


def trace(
    named: Annotated[
        str,
        typer.Argument(metavar="QUEUE_ID_OR_MESSAGE_ID", help="As logged; brackets are optional."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines/--no-lines", help="The raw lines, while Kafka keeps them.")
    ] = True,
) -> None:
    """Show what became of a mail: step by step, every recipient, and its way across hosts."""
    answers = _answers(named, lines=lines)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answers)) + b"\n")
    if not answers:
        raise NotFound(f"{named}: no mail with this queue id or message-id")
    if not as_json:
        _show(answers, Console())


def _answers(named: str, *, lines: bool) -> "list[Answer]":
    from posttrail_answers.answer import answers
    from posttrail_answers.database import reading
    from posttrail_answers.timeline import key_of
    from posttrail_answers.trace import trails

    settings = config.load()
    with reading(config.dsn(settings)) as opened:
        keys = [key_of(trail.mail) for trail in trails(opened, named)]
        return answers(opened, keys, settings if lines else None)


def _show(answers: "list[Answer]", console: Console) -> None:
    from posttrail_answers.trace import last_line
    from posttrail_answers.words import explained

    for number, each in enumerate(answers):
        if number:
            console.print()
        last = last_line(each.mail, each.recipients)
        console.print(_sender_side(each.mail, explained(each.word, each.gaps, last, None)))
        console.print()
        console.print(_recipients(each.recipients))
        console.print()
        console.print(steps_table(each.steps))
        for gap in each.gaps:
            lost = "lines" if gap.lines is None else f"{gap.lines} lines"
            console.print(plain(f"{lost} of {gap.host} were lost at {_when(gap.t)}: {gap.reason}"))
        if each.missing:
            console.print(plain(each.missing), style="yellow")
        if each.tree.mails > 1:
            console.print()
            console.print(tree_of(each.tree))


def _client(mail: "Mail") -> str:
    if mail.client_name is None:
        return "" if mail.uid is None else f"local user {mail.uid}"
    address = f" [{mail.client_addr}]" if mail.client_addr else ""
    login = f", logged in as {mail.sasl_username}" if mail.sasl_username else ""
    return f"{mail.client_name}{address}{login}"


def _facts(mail: "Mail") -> Iterator[tuple[str, str]]:
    yield "from", "<>" if mail.sender == "" else mail.sender or ""
    yield "client", _client(mail)
    yield "subject", mail.subject or ""
    yield "message-id", mail.message_id or ""
    yield "size", "" if mail.size is None else f"{mail.size} bytes"
    yield "born", _when(mail.born)
    yield "removed", _when(mail.removed_at)
    yield "reason", mail.reason or ""
    yield "before the filter", mail.orig_queue_id or ""
    yield "requeued from", mail.requeued_from or ""
    yield "bounces", " ".join(mail.bounce_ids or ())
    yield "delay notices", " ".join(mail.delay_ids or ())
    yield "status notices", " ".join(mail.dsn_ids or ())
    yield "note", "its beginning is not in the log" if mail.partial else ""
    yield (
        "doubt",
        "a line could be read in two ways; the safe reading is shown" if (mail.ambiguous) else "",
    )


def _sender_side(mail: "Mail", explained: str) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right")
    grid.add_column(overflow="fold")
    named = plain(f"{mail.queue_id} on {mail.host} ({mail.instance})")
    named.stylize("bold")
    grid.add_row("mail", named)
    grid.add_row("status", Text(mail.status or "open", style=_STYLES.get(mail.status or "", "")))
    grid.add_row("in words", plain(explained))
    for name, value in _facts(mail):
        if value:
            grid.add_row(name, plain(value))
    return grid


def _address(found: "Recipient") -> Text:
    if found.orig_recipient == found.recipient:
        return plain(found.recipient)
    return plain(f"{found.recipient} (for {found.orig_recipient})")


def _attempt(found: "Recipient") -> str:
    """When the attempt was logged that the row shows, how long the mail took, where it went."""
    seconds = None if found.delay is None else f"after {found.delay:g} s"
    relay = None if found.relay in {None, "none"} else f"at {found.relay}"
    attempts = None if found.attempt_count < 2 else f"{found.attempt_count} attempts"
    return ", ".join(part for part in (_when(found.t), seconds, relay, attempts) if part)


def _outcome(found: "Recipient") -> Text:
    status = f"probe: {found.status}" if found.probe else found.status
    return Text(status, style=_STYLES.get(found.status, ""))


def _recipients(recipients: "tuple[Recipient, ...]") -> Table:
    """Three lines for each: who, when and where, what the other side said."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for found in recipients:
        table.add_row(_outcome(found), _address(found))
        table.add_row("", Text(_attempt(found), style="dim"))
        if found.response:
            table.add_row("", plain(found.response))
    return table
