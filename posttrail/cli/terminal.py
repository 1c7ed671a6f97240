"""What every command that shows a stranger's text needs. Knows no database and no Kafka."""

from rich.text import Text


def plain(text: str) -> Text:
    """Text of a log is a stranger's: no markup, no control characters on the terminal."""
    return Text(
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )
