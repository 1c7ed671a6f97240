"""`posttrail events`: present states for other programs; switching them on and off."""

from typing import Annotated

import typer
from rich.console import Console

from posttrail import config, logs
from posttrail.cli import worker
from posttrail.cli.local_time import now_here
from posttrail.errors import BadSettings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(events)
    group.command()(on)
    group.command()(off)
    app.add_typer(group, name="events")
    app.command()(webhooks)


def events(context: typer.Context) -> None:
    """Publish the present state of every mail and recipient that changes to maillog.events.

    Start a second one where you like: it waits and takes over. Needs `posttrail events on` once,
    and the role posttrail_events. docs/delivery-events.md tells what the records say.
    """
    if context.invoked_subcommand is not None:
        return
    from posttrail_events.publisher import Publisher

    settings = config.load()
    logs.set_up(settings.logs)
    worker.run(settings, lambda: Publisher(settings))


def on(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Also publish mails that came at this time or later: 3d, 2026-11-18.",
        ),
    ] = None,
) -> None:
    """Have PostgreSQL mark what changes, for `posttrail events`; as the owner of the tables.

    May be repeated. From now on a worker must run, or the marks pile up.
    """
    from posttrail_answers.times import moment
    from posttrail_events.switch import on as switch_on

    settings = config.load()
    marked = switch_on(config.dsn(settings), None if since is None else moment(since, now_here()))
    Console(highlight=False).print(f"delivery events are on; {marked} mails are told of at once")


def off() -> None:
    """Mark nothing any more, and forget what is marked; as the owner of the tables."""
    from posttrail_events.switch import off as switch_off

    switch_off(config.dsn(config.load()))
    Console(highlight=False).print("delivery events are off; what was marked is forgotten")


def webhooks() -> None:
    """Post events to the targets of `[webhooks]`, signed, each at least once.

    A target that does not answer holds up no other. Start a second one where you like: they share
    the work.
    """
    try:
        from posttrail_events.webhooks import Webhooks
    except ModuleNotFoundError as error:
        raise BadSettings(f"{error.name} is missing: pip install 'posttrail[events]'") from None
    settings = config.load()
    logs.set_up(settings.logs)
    worker.run(settings, lambda: Webhooks(settings))
