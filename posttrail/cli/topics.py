"""`posttrail topics`: make the topics, tell where they are not as declared."""

import typer
from rich.console import Console

from posttrail import config, topic_admin


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(topics)


def topics() -> None:
    """Make the missing topics and check the others."""
    settings = config.load()
    made = topic_admin.make_missing(settings)
    console = Console(highlight=False)
    for found in topic_admin.verify(settings):
        state = "made" if found.name in made else "as declared"
        console.print(f"{found.name}: {found.partitions} partitions, {state}")
        for key, (declared, value) in found.differs.items():
            console.print(f"  {key} is {value}, declared is {declared}; yours is kept")
