"""`posttrail pseudonym ADDRESS`: what stands for an address in the tables."""

from pathlib import Path
from typing import Annotated

import typer

from posttrail import config, pseudonyms
from posttrail.cli.given import given
from posttrail.errors import BadSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(pseudonym)


def pseudonym(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Or a login name; - reads a line of stdin.")
    ],
    key_file: Annotated[
        Path | None, typer.Option(help="The key; else producer.pseudonym_key_file.")
    ] = None,
) -> None:
    """Print the pseudonym of an address, to search by it; only who has the key can."""
    file = key_file or config.load().producer.pseudonym_key_file
    if file is None:
        raise BadSettings("no key: name it with --key-file or set producer.pseudonym_key_file")
    typer.echo(pseudonyms.of_file(file).address(given(address).encode()).decode())
