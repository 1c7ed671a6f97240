"""`posttrail status`: servers, stages, lag and rows, or a wait until nothing waits."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrail import config, lag, topic_admin
from posttrail.cli.terminal import plain
from posttrail.config import Settings

if TYPE_CHECKING:
    from posttrail_answers.gaps import Gap
    from posttrail_answers.standing import Lag
    from posttrail_embedded.state import Member, State


class Server(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the two servers."""

    bootstrap: str = ""
    dsn: str = ""
    """Without its password."""
    embedded: bool = False
    pid: int | None = None
    restarts: int | None = None


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One program of a stage."""

    name: str
    up: bool
    pid: int | None = None
    restarts: int | None = None


class Status(msgspec.Struct, frozen=True):
    """What `posttrail status --json` prints."""

    kafka: Server
    postgres: Server
    stages: list[Stage]
    lag: "Lag"
    rows: dict[str, int]
    gaps: list["Gap"]
    """The newest ones."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    wait_idle: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Wait until all that is in Kafka now stands in the tables, so long at the most.",
        ),
    ] = None,
) -> None:
    """Show servers, stages, what waits before each stage, rows, and the newest gaps in the log."""
    from posttrail_answers.standing import observing

    settings = config.load()
    with observing(settings) as observer:
        if wait_idle is not None:
            deadline = time.monotonic() + wait_idle
            observer.wait_until_idle(lambda _waiting: time.monotonic() > deadline)
        kafka, postgres = servers(settings)
        found = Status(
            kafka, postgres, stages(settings), observer.lag(), observer.rows(), observer.gaps()
        )
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    else:
        show(found, Console(highlight=False))


def without_password(dsn: str) -> str:
    """A connection string that may be shown."""
    from psycopg2.extensions import parse_dsn

    secret = {"password", "sslpassword"}
    parts = {key: value for key, value in parse_dsn(dsn).items() if key not in secret}
    return " ".join(f"{key}={value}" for key, value in parts.items())


def _here(settings: Settings) -> "State":
    """What `posttrail up` runs on this machine; nothing where it does not."""
    from posttrail_embedded import state

    return state.running(state.Layout(config.home(settings))) or state.State(pid=0)


def servers(settings: Settings) -> tuple[Server, Server]:
    """Kafka and PostgreSQL."""
    running = {each.name: each for each in _here(settings).servers}
    kafka = Server(bootstrap=config.bootstrap(settings))
    postgres = Server(dsn=without_password(config.dsn(settings)))
    return _embedded(kafka, running.get("kafka")), _embedded(postgres, running.get("postgres"))


def _embedded(server: Server, member: "Member | None") -> Server:
    if member is None:
        return server
    return msgspec.structs.replace(server, embedded=True, pid=member.pid, restarts=member.restarts)


def stages(settings: Settings) -> list[Stage]:
    """The stages of `posttrail up` on this machine; without it, the members of the groups."""
    running = _here(settings).stages
    if running:
        return [
            Stage(each.name, up=each.up, pid=each.pid, restarts=each.restarts) for each in running
        ]
    admin = topic_admin.client(settings)
    groups = {"processor": settings.processor.group, "sink": settings.sink.group}
    return [
        Stage(f"{name} {client}", up=True)
        for name, group in groups.items()
        for client in lag.members(admin, settings.kafka.prefix + group)
    ]


def show(found: Status, console: Console) -> None:
    """The same for a person."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right")
    grid.add_column(overflow="fold")
    grid.add_row("Kafka", _server(found.kafka.bootstrap, found.kafka))
    grid.add_row("PostgreSQL", _server(found.postgres.dsn, found.postgres))
    for stage in found.stages:
        state = "[green]up[/]" if stage.up else "[red]down, waits to be started again[/]"
        grid.add_row(stage.name, f"{state}{_process(stage.pid, stage.restarts)}")
    if not found.stages:
        grid.add_row("stages", "none runs")
    grid.add_row("waiting", f"{found.lag.raw} lines, {found.lag.deliveries} facts")
    for name, rows in found.rows.items():
        grid.add_row(name, f"{rows} {'records' if name == 'dead' else 'rows'}")
    for gap in found.gaps:
        grid.add_row("gap", _gap(gap), style="yellow")
    console.print(grid)


def _gap(gap: "Gap") -> Text:
    """When, where, how much and why; the reason may hold a stranger's text."""
    lines = "lines" if gap.lines is None else f"{gap.lines} lines"
    said = f"{gap.t.astimezone():%Y-%m-%d %H:%M:%S %Z} {gap.host}, {gap.source}: {lines} lost, "
    return plain(said + gap.reason)


def _server(where: str, server: Server) -> str:
    return (
        f"{where}{', embedded' if server.embedded else ''}{_process(server.pid, server.restarts)}"
    )


def _process(pid: int | None, restarts: int | None) -> str:
    number = "" if pid is None else f", pid {pid}"
    return f"{number}, restarts: {restarts}" if restarts else number
