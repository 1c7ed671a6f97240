"""Rows as COPY text, joined by hand: the cheapest way into PostgreSQL that Python has.

Knows no table. Source of the format: PostgreSQL manual, COPY, "Text Format".
"""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TypeAlias

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

Value: TypeAlias = str | int | float | bool | None

_encode = msgspec.json.Encoder().encode

NULL = "\x02"
"""Stands for NULL; the statements in sql/copy_*.sql name it too. No text is this one character:
Postfix logs what cannot be printed as `?` (util/printable.c)."""

_READ_BYTES = 1 << 20
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), (NULL, "\\x02"))
"""The backslash first, for the others bring some along."""


def _escaped(value: Value) -> str:
    if value is None:
        return NULL
    text = str(value)
    for char, escape in _ESCAPES:  # on a long text much faster than str.translate
        text = text.replace(char, escape)
    return text


def line(row: Sequence[Value]) -> str:
    r"""One row as a line of COPY text, without its end.

    Most rows need no escape; whether one does shows in the joined line. An unescaped `\.` would
    silently end the whole COPY.
    """
    joined = "\t".join([NULL if v is None else v if v.__class__ is str else str(v) for v in row])
    if is_plain(joined, len(row) - 1):
        return joined
    return "\t".join([_escaped(value) for value in row])


def is_plain(joined: str, tabs: int) -> bool:
    """Whether a joined line with so many separators needs no escape."""
    return (
        "\\" not in joined
        and "\n" not in joined
        and "\r" not in joined
        and joined.count("\t") == tabs
    )


def number_array(values: Sequence[float]) -> str:
    """An array literal of numbers. JSON has the same between the brackets, and msgspec is fast."""
    return "{" + _encode(values)[1:-1].decode() + "}"


def text_array(values: Iterable[str]) -> str:
    """An array literal of texts, each quoted where it needs it."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(text: str) -> str:
    if text.isalnum() and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def copy_in(cursor: Cursor, statement: str, lines: Sequence[str]) -> None:
    """COPY these lines through this statement.

    Raises:
        psycopg2.Error: the server refuses a row (its text names the line) or is away.
        ValueError: a NUL or a lone surrogate in a text.
    """
    # Line by line: of megabytes of text, one character beyond ASCII would make two bytes of each.
    text = b"\n".join([*map(str.encode, lines), b""])
    if b"\0" in text:
        raise ValueError("a text holds a NUL character")
    cursor.copy_expert(statement, BytesIO(text), _READ_BYTES)
    if cursor.rowcount != len(lines):
        raise ValueError(f"COPY took {cursor.rowcount} of {len(lines)} rows")
