"""`posttrail sink`: one sink; `posttrail sink rewind`: the whole group reads again from there."""

from typing import Annotated

import typer
from rich.console import Console

from posttrail import config, logs
from posttrail.cli import worker


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(sink)
    group.command()(rewind)
    app.add_typer(group, name="sink")


def sink(context: typer.Context) -> None:
    """Land facts in PostgreSQL until stopped; start as many as you like."""
    if context.invoked_subcommand is not None:
        return
    from posttrail_sinks.consumer import Sink
    from posttrail_sinks.dead_letters import DeadLetters
    from posttrail_sinks.landing import Store
    from posttrail_sinks.policy import Policy
    from posttrail_sinks.retention import Retention, forget
    from posttrail_sinks.upkeep import keep_up
    from posttrail_sinks.writer import Writer

    settings = config.load()
    logs.set_up(settings.logs)
    writer, kept = Writer(Policy.of(settings.sink)), Retention.of(settings.sink)
    store = Store(
        config.dsn(settings),
        writer,
        bury=DeadLetters(settings).send,
        keep_up=lambda connection: (
            keep_up(connection, writer),
            forget(connection, kept, writer.now()),
        ),
    )
    worker.run(settings, lambda: Sink(settings, writer, store))


def rewind(
    to: Annotated[
        str,
        typer.Option(
            metavar="TIME|OFFSET",
            help="RFC 3339: where the facts stand that came to Kafka at this time or later; "
            "a number: this offset of every partition.",
        ),
    ],
) -> None:
    """Set the group's offsets; running sinks go on from there, and the rows stay the same."""
    from posttrail_sinks.places import place
    from posttrail_sinks.rewind import rewind as set_back

    settings = config.load()
    moved = set_back(settings, place(to))
    console = Console(highlight=False)
    for partition, (before, after) in sorted(moved.items()):
        stood = "the beginning" if before is None else f"{before}"
        console.print(f"partition {partition}: stood at {stood}, stands at {after}")
