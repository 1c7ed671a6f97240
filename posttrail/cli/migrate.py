"""`posttrail migrate`: bring the database to what this version needs."""

from typing import Annotated

import typer
from rich.console import Console

from posttrail import config


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(
    roles: Annotated[
        bool,
        typer.Option(
            "--roles",
            help="Also make the roles posttrail_owner, posttrail_writer, posttrail_reader, "
            "posttrail_visitor, posttrail_events and posttrail_web; asks for the right to make "
            "roles.",
        ),
    ] = False,
) -> None:
    """Make or update the tables; run it again whenever you like."""
    from posttrail_sinks import migrate as schema

    dsn = config.dsn(config.load())
    console = Console(highlight=False)
    for name in schema.migrate(dsn):
        console.print(f"{name}: applied")
    if roles:
        schema.make_roles(dsn)
        console.print("roles: posttrail_owner, _writer, _reader, _visitor, _web")
    console.print("The schema is up to date.")
