"""The hidden `posttrail supervise`: what `posttrail up` starts and `posttrail down` ends."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from posttrail import config, lag, logs, topic_admin
from posttrail.config import Settings

PROGRAM = (sys.executable, "-m", "posttrail.cli")
"""This same program; what follows is a command."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(hidden=True)(supervise)


def supervise(
    processors: Annotated[int, typer.Option(min=0)] = 1,
    sinks: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Run servers and stages until SIGTERM; `posttrail up` calls this."""
    from posttrail_embedded.supervisor import Supervisor

    settings = config.load()
    logs.set_up(settings.logs)
    Supervisor(
        settings,
        lambda: _stages(settings, processors, sinks),
        [
            ("making the topics", lambda: _topics(settings)),
            ("making the tables", lambda: _tables(settings)),
        ],
        lambda: _all_joined(settings, processors, sinks),
    ).run()


def _stages(settings: Settings, processors: int, sinks: int) -> dict[str, Sequence[str]]:
    """Those that are asked for; what publishes events, where they are switched on."""
    from posttrail_events.switch import is_on

    named = {f"processor-{number}": "process" for number in range(1, processors + 1)}
    named |= {f"sink-{number}": "sink" for number in range(1, sinks + 1)}
    if is_on(config.dsn(settings)):
        named |= {"events": "events"}
        named |= {"webhooks": "webhooks"} if settings.webhooks.targets else {}
    return {name: (*PROGRAM, command) for name, command in named.items()}


def _topics(settings: Settings) -> None:
    topic_admin.make_missing(settings)
    topic_admin.verify(settings)


def _tables(settings: Settings) -> None:
    """With the roles on the server that we made ourselves: `posttrail web` asks for them."""
    from posttrail_sinks.migrate import make_roles, migrate

    migrate(config.dsn(settings))
    if not config.has_own_postgres(settings):
        make_roles(config.dsn(settings))


def _all_joined(settings: Settings, processors: int, sinks: int) -> bool:
    """Whether so many workers are members of their groups: they work from then on."""
    admin = topic_admin.client(settings)
    wanted = {settings.processor.group: processors, settings.sink.group: sinks}
    return all(
        len(lag.members(admin, settings.kafka.prefix + group)) >= number
        for group, number in wanted.items()
    )
