"""Reads the corpus: tests/unit/parse/corpus/README.md says how its rows are written."""

from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*.txt"))


class Row(NamedTuple):
    """One line and what becomes of it."""

    name: str
    line: str
    results: tuple[str, ...]


def rows(file: Path) -> list[Row]:
    """The rows of one file of the corpus."""
    found = []
    for block in file.read_text(encoding="utf-8").split("\n\n"):
        title, *lines = block.strip("\n").split("\n")
        if lines:
            found.append(Row(f"{file.stem}: {title}", lines[0], tuple(lines[1:])))
    return found


ALL = [row for file in FILES for row in rows(file)]
