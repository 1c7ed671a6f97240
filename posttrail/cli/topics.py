"""`posttrail topics`: make the topics, tell where they are not as declared."""

from typing import Annotated

import typer
from rich.console import Console

from posttrail import config, kafka_rules, topic_admin
from posttrail.config import Settings

_TOOL = 'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN"'


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(topics)


def topics(
    *,
    acls: Annotated[
        bool,
        typer.Option("--acls", help="Only print the rules that each part needs."),
    ] = False,
    part: Annotated[
        list[str] | None,
        typer.Option(help=f"With --acls, only these parts: {', '.join(kafka_rules.PARTS)}."),
    ] = None,
    principal: Annotated[
        str | None, typer.Option(help="With --acls, for this principal; else User:posttrail-PART.")
    ] = None,
) -> None:
    """Make the missing topics and check the others.

    With --acls: the least rules that each part of posttrail works with, as commands.
    """
    settings = config.load()
    if acls:
        _print_rules(settings, part or list(kafka_rules.PARTS), principal)
    else:
        _make(settings)


def _print_rules(settings: Settings, parts: list[str], principal: str | None) -> None:
    if unknown := set(parts) - kafka_rules.PARTS.keys():
        raise typer.BadParameter(f"no such part: {', '.join(sorted(unknown))}")
    for part in parts:
        rules = kafka_rules.PARTS[part](settings)
        typer.echo(f"# {part}")
        for command in kafka_rules.commands(
            rules, principal or f"User:posttrail-{part}", settings.kafka.prefix
        ):
            typer.echo(f"{_TOOL} {command}")


def _make(settings: Settings) -> None:
    made = topic_admin.make_missing(settings)
    console = Console(highlight=False)
    for found in topic_admin.verify(settings):
        state = "made" if found.name in made else "as declared"
        console.print(f"{found.name}: {found.partitions} partitions, {state}")
        for key, (declared, value) in found.differs.items():
            console.print(f"  {key} is {value}, declared is {declared}; yours is kept")
