"""Rows as COPY text, joined by hand: the cheapest way into PostgreSQL that Python has.

Knows no table. Source of the format: PostgreSQL manual, COPY, "Text Format".
"""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TypeAlias

from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class

Value: TypeAlias = str | int | float | bool | None

NULL = "\x02"
"""Stands for NULL; the statements in sql/copy_*.sql name it too."""

_READ_BYTES = 1 << 16
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", NULL: "\\x02"})


def _escaped(value: Value) -> str:
    if value is None:
        return NULL
    return str(value).translate(_ESCAPES)


def line(row: Sequence[Value]) -> str:
    r"""One row as a line of COPY text, without its end.

    Most rows need no escape; whether one does shows in the joined line. An unescaped `\.` would
    silently end the whole COPY.
    """
    joined = "\t".join([NULL if v is None else v if v.__class__ is str else str(v) for v in row])
    is_plain = (
        "\\" not in joined
        and "\n" not in joined
        and "\r" not in joined
        and joined.count("\t") == len(row) - 1
    )
    return joined if is_plain else "\t".join([_escaped(value) for value in row])


def array(values: Iterable[str | int | float]) -> str:
    """An array literal; text elements are quoted where they need it."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: str | float) -> str:
    if value.__class__ is not str:
        return str(value)
    text = str(value)
    if text.isalnum() and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def copy_in(cursor: Cursor, statement: str, rows: Iterable[Sequence[Value]]) -> int:
    """COPY the rows through this statement; returns how many there were.

    Raises:
        psycopg2.Error: the server refuses a row (its text names the line) or is away.
        ValueError: a NUL or a lone surrogate in a text.
    """
    lines = [line(row) for row in rows]
    if not lines:
        return 0
    text = "\n".join(lines) + "\n"
    if "\0" in text:
        raise ValueError("a text holds a NUL character")
    cursor.copy_expert(statement, BytesIO(text.encode()), _READ_BYTES)
    if cursor.rowcount != len(lines):
        raise ValueError(f"COPY took {cursor.rowcount} of {len(lines)} rows")
    return len(lines)
