"""`posttrail dead`: what nobody could read, by shape; and another try for it."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrail import config
from posttrail.config import Settings

if TYPE_CHECKING:
    from posttrail_processors.shapes import Group


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(dead)


def dead(
    retry: Annotated[
        bool, typer.Option("--retry", help="Give them to the parser of this version.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="With one line of each kind, mail addresses and all.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the lines that nobody understood, by shape; after an upgrade, try them again."""
    settings = config.load()
    if retry:
        outcome = _retried(settings)
        _print(outcome) if as_json else _say(outcome)
        return
    groups = _listed(settings, show=show)
    if as_json:
        _print({"total": sum(group["count"] for group in groups), "groups": groups})
    else:
        _table(groups, Console())


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer)) + b"\n")


def _retried(settings: Settings) -> dict[str, int]:
    from posttrail_processors.reading import reader_of
    from posttrail_processors.retry import retry

    return msgspec.structs.asdict(retry(settings, reader_of(settings.processor)))


def _listed(settings: Settings, *, show: bool) -> list[dict[str, Any]]:
    from posttrail_processors.dead_topic import DeadTopic
    from posttrail_processors.shapes import groups

    topic = DeadTopic(settings)
    try:
        return [_plain(group, show=show) for group in groups(topic.letters())]
    finally:
        topic.close()


def _plain(group: "Group", *, show: bool) -> dict[str, Any]:
    answer = {
        "count": group.count,
        "stage": group.stage,
        "reason": group.reason,
        "shape": group.shape,
        "first": _when(group.first),
        "last": _when(group.last),
        "origin": group.origin,
        "versions": group.versions,
    }
    if show:
        answer["example"] = group.example.decode("utf-8", "backslashreplace")
    return answer


def _when(milliseconds: int | None) -> str | None:
    if milliseconds is None or milliseconds < 0:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds")


def _table(groups: list[dict[str, Any]], console: Console) -> None:
    if not groups:
        console.print("No dead letters: every line was understood.")
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("count", justify="right")
    for name in ("shape", "reason", "stage", "first", "last"):
        table.add_column(name, overflow="fold")
    for group in groups:
        cells = [str(group[name] or "") for name in ("count", "shape", "reason", "stage")]
        times = [str(group[name] or "")[:16] for name in ("first", "last")]
        table.add_row(*map(_safe, cells + times))
        if "example" in group:
            table.add_row("", _safe(group["example"]), style="dim")
    console.print(table)
    console.print("After an upgrade, `posttrail dead --retry` gives them another try.", style="dim")


def _safe(text: str) -> Text:
    """A stranger's text: no markup, no control characters on the terminal."""
    return Text(
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )


def _say(outcome: dict[str, int]) -> None:
    print(  # noqa: T201  # the terminal is the place
        f"{outcome['letters']} dead letters read: {outcome['understood']} understood now "
        f"({outcome['facts']} facts), {outcome['sent_again']} facts sent to the sinks again, "
        f"{outcome['still_dead']} still dead"
    )
