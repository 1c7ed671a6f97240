"""`posttrail queue`: what waits now, and whether a host's own queue says the same."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from posttrail import config
from posttrail.cli.report_forms import rows, table
from posttrail.errors import BadInput, Exit

if TYPE_CHECKING:
    from posttrail_answers.gaps import Gap
    from posttrail_answers.queue import Group, Waiting
    from posttrail_answers.queue_compare import Queued

_EMPTY = "nothing waits"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(queue)


def queue(
    *,
    host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="This mail host only; repeatable.")
    ] = None,
    instance: Annotated[
        str, typer.Option(help="With --compare: the Postfix instance, its syslog_name.")
    ] = "postfix",
    compare: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Output of `postqueue -j` on --host; - reads stdin."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="The most rows of each list.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what still waits: in all, by destination and reason, each recipient, oldest mail first.

    With --compare: what Postfix's own queue and the tables do not say alike. Ends with 0 where they
    agree, with 1 where they do not.
    """
    hosts = tuple(host or ())
    if compare is None:
        _show_waiting(hosts, top, as_json=as_json)
    elif len(hosts) != 1:
        raise typer.BadParameter("--compare needs one --host: the one that the list is from")
    else:
        _show_differences(_read(compare), hosts[0], instance, as_json=as_json)


def _read(path: str) -> "tuple[Queued, ...]":
    from posttrail_answers.queue_compare import read

    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    return read(content.splitlines())


def _show_waiting(hosts: tuple[str, ...], top: int, *, as_json: bool) -> None:
    from posttrail_answers.database import reading
    from posttrail_answers.queue import groups, hiding, waiting

    with reading(config.dsn(config.load())) as opened:
        grouped, each = groups(opened, hosts), waiting(opened, hosts, top)
        lost = hiding(opened, each)
    if as_json:
        _json({"groups": grouped, "waiting": each, "gaps": lost})
    elif not grouped:
        Console().print(_EMPTY)
    else:
        _print_waiting(grouped, each, lost, top)


def _print_waiting(
    grouped: "Sequence[Group]", each: "Sequence[Waiting]", lost: "Sequence[Gap]", top: int
) -> None:
    """In all; by destination, the most first; the oldest."""
    console = Console(highlight=False)
    total = sum(group.recipients for group in grouped)
    oldest = _local(min(group.oldest for group in grouped))
    console.print(f"recipients that wait: {total}, the oldest since {oldest}")
    _warn(console, lost)
    console.print()
    _table(console, grouped[:top])
    _print_rest(console, len(grouped) - top, "destinations and reasons")
    console.print()
    _table(console, each)
    _print_rest(console, total - len(each), "recipients")


def _print_rest(console: Console, number: int, of: str) -> None:
    if number > 0:
        console.print(f"and {number} more {of}: --top")


def _warn(console: Console, lost: "Sequence[Gap]") -> None:
    if lost:
        from posttrail_answers import words

        said = f"INCOMPLETE: {words.lost(lost, None)}: some of these may be gone; see --compare"
        console.print(Text(said, style="yellow"))


def _show_differences(
    listed: "tuple[Queued, ...]", host: str, instance: str, *, as_json: bool
) -> None:
    from posttrail_answers.database import reading
    from posttrail_answers.queue_compare import compare

    with reading(config.dsn(config.load())) as opened:
        found = compare(opened, listed, host, instance)
    if as_json:
        _json(found)
    elif found:
        _table(Console(highlight=False), found)
    else:
        Console().print(f"{len(listed)} mails: agreed")
    if found:
        raise typer.Exit(Exit.FAILED)


def _table(console: Console, records: Sequence[msgspec.Struct]) -> None:
    names, cells = rows(records)
    console.print(table(names, [[_local(value) for value in row] for row in cells]))


def _local(value: Any) -> Any:
    """Times as a person here reads them."""
    return f"{value.astimezone():%Y-%m-%d %H:%M:%S %Z}" if hasattr(value, "astimezone") else value


def _json(found: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
