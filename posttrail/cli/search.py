"""`posttrail search`: mails and refusals by anything that people know about them."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrail import config
from posttrail.cli.terminal import plain
from posttrail.errors import NotFound

if TYPE_CHECKING:
    from posttrail_answers.search import Page, Recipient, Result

_STYLES = {
    "delivered": "green",
    "filtered": "green",
    "pending": "yellow",
    "partly delivered": "yellow",
    "failed": "red",
    "discarded": "red",
}
_SHOWN_RECIPIENTS = 3
_TIME = "yesterday, monday, 14:00, 2h, 3d, ISO 8601; local time."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)


def search(
    *,
    sender: Annotated[str | None, typer.Option(help="Address; <> is the null sender.")] = None,
    recipient: Annotated[
        str | None, typer.Option(help="Address, as delivered to or before aliases.")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="Of the sender or a recipient.")] = None,
    message_id: Annotated[str | None, typer.Option(help="Brackets are optional.")] = None,
    queue_id: Annotated[str | None, typer.Option(help="As logged.")] = None,
    subject: Annotated[str | None, typer.Option(help='Words, "a phrase", -not.')] = None,
    client: Annotated[
        str | None, typer.Option(help="Name, address, or network like 192.0.2.0/24.")
    ] = None,
    relay: Annotated[str | None, typer.Option(help="Name or address it was given to.")] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help="delivered, pending, failed, discarded, filtered, or Postfix's word (bounced, …)."
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Mail host that logged it.")] = None,
    login: Annotated[str | None, typer.Option(help="SASL user name.")] = None,
    since: Annotated[str | None, typer.Option(help=_TIME)] = None,
    until: Annotated[str | None, typer.Option(help=_TIME)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Results on a page.")] = 50,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="The next page, as the last one named it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Find mails and refusals, newest first; all that is given must hold. Ends with 8: none."""
    from posttrail_answers.database import reading
    from posttrail_answers.search import Query, find, reach
    from posttrail_answers.times import moment

    now = datetime.now().astimezone()
    query = Query(
        sender=sender, recipient=recipient, domain=domain, message_id=message_id,
        queue_id=queue_id, subject=subject, client=client, relay=relay, status=status,
        host=host, login=login,
        since=None if since is None else moment(since, now),
        until=None if until is None else moment(until, now),
    )  # fmt: skip
    with reading(config.dsn(config.load())) as opened:
        page = find(opened, query, after=after, limit=limit)
        oldest = None if page.results else reach(opened)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(page)) + b"\n")
    if not page.results:
        raise NotFound(_nothing(oldest))
    if not as_json:
        _show(page, Console(highlight=False))


def _nothing(oldest: datetime | None) -> str:
    if oldest is None:
        return "nothing found: there are no mails in the tables"
    return f"nothing found; the tables reach back to {_when(oldest)}"


def _when(moment: datetime) -> str:
    """Local time with its zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _show(page: "Page", console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for result in page.results:
        table.add_row(
            Text(result.word, style=_STYLES.get(result.word, "")),
            Text(_when(result.t), style="bold").append_text(_named(result)),
        )
        for recipient in result.recipients[:_SHOWN_RECIPIENTS]:
            table.add_row("", _recipient(recipient))
        if result.recipient_count > _SHOWN_RECIPIENTS:
            more = result.recipient_count - _SHOWN_RECIPIENTS
            table.add_row("", Text(f"and {more} recipients more", style="dim"))
        if result.gaps:
            table.add_row("", Text.assemble(plain(_explained(result)), style="yellow"))
        if not result.recipients and result.reason:
            table.add_row("", plain(result.reason))
    console.print(table)
    if page.next_cursor is not None:
        console.print(Text(f"more: --after {page.next_cursor}", style="dim"), soft_wrap=True)


def _explained(result: "Result") -> str:
    """What lost lines may hide, with clocks of here."""
    from posttrail_answers.words import explained

    return explained(result.word, result.gaps, result.last, None)


def _named(result: "Result") -> Text:
    """Queue id, host, sender, subject."""
    sender = "<>" if result.sender == "" else result.sender or "sender unknown"
    id_ = result.queue_id or "refused"
    subject = f", {result.subject}" if result.subject else ""
    return plain(f"  {id_} on {result.host}, from {sender}{subject}")


def _recipient(found: "Recipient") -> Text:
    """Address, Postfix's word, what it means, the other side's reply."""
    from posttrail_answers.words import reason

    given = f" (for {found.orig_recipient})" if found.orig_recipient else ""
    said = reason(found.status, found.dsn, found.response)
    return plain(f"to {found.recipient}{given}: {said}")
