"""The program `posttrail`: collects the commands, turns errors into one line and an exit code."""

import sys
from importlib import metadata
from types import ModuleType
from typing import Annotated

import typer

from posttrail.cli import (
    check,
    dead,
    erase,
    events,
    migrate,
    parse,
    process,
    produce,
    produce_journal,
    pseudonym,
    queue,
    replay,
    report,
    search,
    sink,
    status,
    supervise,
    topics,
    trace,
    up,
    watch,
    web,
)
from posttrail.errors import Exit, PosttrailError

app = typer.Typer(
    name="posttrail",
    help="The trail of every mail through a cluster of Postfix hosts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# Each module's `register(app)` adds its commands; stages load only when their command runs.
COMMAND_MODULES: tuple[ModuleType, ...] = (
    check,
    dead,
    erase,
    events,
    migrate,
    parse,
    process,
    produce,
    produce_journal,
    pseudonym,
    queue,
    replay,
    search,
    report,
    sink,
    status,
    supervise,
    topics,
    trace,
    up,
    watch,
    web,
)

for _module in COMMAND_MODULES:
    _module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"posttrail {metadata.version('posttrail')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """The trail of every mail through a cluster of Postfix hosts."""


def main() -> None:
    """Run one command; the console script's entry."""
    try:
        app()
    except PosttrailError as error:
        print(f"posttrail: {error}", file=sys.stderr)  # noqa: T201  # the terminal is the place
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(Exit.FAILED)
