"""A report as tables on a terminal and as CSV. Knows no question and no database.

Text from logs is a stranger's: control characters show as a replacement sign in both, and a CSV
cell, or a part of one behind a separator, that a spreadsheet would take for a formula begins with
an apostrophe.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any, get_args

import msgspec
from msgspec.structs import fields
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrail.cli.terminal import plain

_SIGNS = "-=+@\uff1d\uff0b\uff20\uff0d"
"""What makes a cell a formula, also in full width: OWASP, CSV Injection."""
_FORMULA = re.compile(rf"[{_SIGNS}\t\r\n\0]")
_BEHIND_A_SEPARATOR = re.compile(rf"([,;][\s\"']*)(?=[{_SIGNS}])")
"""Where a spreadsheet that takes another separator would begin a cell."""

SECTIONS = {
    "day": ("days", "Per day"),
    "hour": ("hours", "Per hour of day"),
    "recipient-domain": ("recipient_domains", "Recipient domains"),
    "sender-domain": ("sender_domains", "Sender domains"),
    "sender": ("senders", "Senders by mails"),
    "sender-size": ("senders_by_size", "Senders by size"),
    "recipient": ("recipients", "Recipients by mails"),
    "recipient-size": ("recipients_by_size", "Recipients by size"),
    "relay": ("relays", "Relays"),
    "refusal": ("refusals", "Rejects and discards"),
    "reason": ("reasons", "Why mail was deferred or bounced"),
    "delay": ("delays", "Delays of what was delivered, seconds"),
    "login": ("logins", "Logins"),
}
"""Name for --by -> attribute of the report, title."""


def rows(records: Sequence[msgspec.Struct]) -> tuple[list[str], list[list[Any]]]:
    """Column names and cells; of times the last part, what they are of comes first."""
    if not records:
        return [], []
    names = _names(type(records[0]))
    return names, [[getattr(record, name) for name in names] for record in records]


def columns(report: msgspec.Struct, attribute: str) -> list[str]:
    """The names of a list's columns, also where it is empty."""
    (of_list,) = [field for field in fields(report) if field.name == attribute]
    return _names(get_args(of_list.type)[0])


def _names(record: type[msgspec.Struct]) -> list[str]:
    names = list(record.__struct_fields__)
    first = [name for name in ("start", "day", "hour") if name in names]
    return [*first, *(name for name in names if name not in first)]


def show(console: Console, report: Any, by: Sequence[str]) -> None:
    """All for a person; `by` names the sections."""
    period = report.period
    local = [moment.isoformat(" ", "minutes") for moment in (period.since, period.until)]
    console.print(Text(f"Mail from {local[0]} until {local[1]} ({period.zone})", style="bold"))
    _show_gaps(console, report.gaps)
    if not any(msgspec.structs.astuple(report.totals)):
        console.print("no mail and no refusal")
        return
    console.print(_totals(report.totals))
    for name in by:
        attribute, title = SECTIONS[name]
        names, cells = rows(getattr(report, attribute))
        if cells:
            console.print()
            console.print(Text(title, style="bold"))
            console.print(table(names, cells))


def _show_gaps(console: Console, gaps: Sequence[Any]) -> None:
    """First of all: what the counts lack."""
    if not gaps:
        return
    known = sum(gap.lines or 0 for gap in gaps)
    unknown = sum(gap.lines is None for gap in gaps)
    lost = f"{known} log lines" + (f" and {unknown} times nobody knows how many" if unknown else "")
    console.print(
        Text(f"INCOMPLETE: {lost} of this period are lost; counts are too small", style="yellow")
    )
    console.print(table(*rows(gaps)), style="yellow")


def _totals(totals: msgspec.Struct) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    grid.add_column()
    for name in totals.__struct_fields__:
        grid.add_row(str(getattr(totals, name)), name.replace("_", " "))
    return grid


def table(names: Sequence[str], cells: Sequence[Sequence[Any]]) -> Table:
    """Numbers to the right, text folded so that nothing is cut off."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, name in enumerate(names):
        is_number = all(isinstance(row[number], (int, float, type(None))) for row in cells)
        made.add_column(
            name.replace("_", " "), justify="right" if is_number else "left", overflow="fold"
        )
    for row in cells:
        made.add_row(*(plain(_cell(value)) for value in row))
    return made


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)


def as_csv(report: Any, by: Sequence[str]) -> str:
    """One section is a table of its own columns; more are rows of section, item, measure, value."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if len(by) == 1:
        attribute, _ = SECTIONS[by[0]]
        names, cells = rows(getattr(report, attribute))
        names = names or columns(report, attribute)
        writer.writerows([names, *([csv_cell(value) for value in row] for row in cells)])
    else:
        writer.writerow(["section", "item", "measure", "value"])
        writer.writerows([csv_cell(value) for value in row] for row in _measures(report, by))
    return out.getvalue()


def _measures(report: Any, by: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for gap in report.gaps:
        yield (
            "gap",
            f"{gap.t.isoformat()} {gap.host} {gap.source}: {gap.reason}",
            "lines",
            gap.lines,
        )
    for name in report.totals.__struct_fields__:
        yield "total", "", name, getattr(report.totals, name)
    for section in by:
        names, cells = rows(getattr(report, SECTIONS[section][0]))
        for row in cells:
            item, measures = _item(names, row)
            for name, value in measures:
                yield section, item, name, value


def _item(names: Sequence[str], row: Sequence[Any]) -> tuple[str, Iterable[tuple[str, Any]]]:
    """What a row is about, and its numbers."""
    about = {"hour", "day", "start"}
    pairs = list(zip(names, row, strict=True))
    text = [pair for pair in pairs if pair[0] in about or isinstance(pair[1], str)]
    numbers = [pair for pair in pairs if pair not in text and pair[1] is not None]
    return " ".join(str(value) for _, value in text), numbers


def csv_cell(value: object) -> str:
    """Numbers as they are; text without control characters and never a formula."""
    if not isinstance(value, str):
        return _cell(value)
    text = _BEHIND_A_SEPARATOR.sub(r"\1'", plain(value).plain)
    return f"'{text}" if _FORMULA.match(value) else text
