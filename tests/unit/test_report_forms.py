"""How a report looks as text and as CSV."""

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest
from posttrail_answers.report_records import Narrowed, Party, Period, Report, Totals
from rich.console import Console

from posttrail.cli.report_forms import SECTIONS, as_csv, columns, csv_cell, show

HOSTILE = '=cmd|"/C calc"!A1@example.com'
DAY = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))


def report(*senders: Party) -> Report:
    """A report of senders only."""
    totals = dict.fromkeys(Totals.__struct_fields__, 0) | {"received": len(senders)}
    lists = {attribute: () for attribute, _ in SECTIONS.values()}
    return Report(
        period=DAY, narrowed=Narrowed(), gaps=(), totals=Totals(**totals),
        **(lists | {"senders": senders}),  # type: ignore[arg-type]  # each list is empty
    )  # fmt: skip


@pytest.mark.parametrize("text", [
    HOSTILE, "+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1",
    "\uff1d1", "\uff0b1", "\uff0d1", "\uff201",
])  # fmt: skip
def test_a_cell_that_would_be_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert csv_cell(text).startswith("'")
    assert csv_cell(text).isprintable()


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=cmd|x", "a;'=cmd|x"),
        ('a," =1+1', "a,\" '=1+1"),
        ("a;b=c, d-e@f", "a;b=c, d-e@f"),
        ("it's <>", "it's <>"),
    ],
)
def test_nor_does_a_formula_begin_behind_a_separator_in_a_text(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


def test_numbers_stay_numbers() -> None:
    assert [csv_cell(value) for value in (-1, 0.1250, None, 20.0)] == ["-1", "0.125", "", "20"]


def test_a_hostile_sender_is_no_formula_in_either_form_of_csv() -> None:
    found = report(Party(address=HOSTILE, mails=1, bytes=2))

    for by, column in (["sender"], 0), (["sender", "day"], 1):
        cells = list(csv.reader(StringIO(as_csv(found, by))))
        assert f"'{HOSTILE}" in [row[column] for row in cells]
        assert not any(cell.startswith("=") for row in cells for cell in row)


def test_an_apostrophe_is_for_spreadsheets_only() -> None:
    console = Console(file=StringIO(), width=120)
    show(console, report(Party(address=HOSTILE, mails=1, bytes=2)), ["sender"])

    assert isinstance(console.file, StringIO)
    assert f"\n{HOSTILE} " in console.file.getvalue()


@pytest.mark.parametrize("section", SECTIONS)
def test_an_empty_list_has_its_columns_in_csv(section: str) -> None:
    header = as_csv(report(), [section]).strip().split(",")

    assert header == columns(report(), SECTIONS[section][0])
    assert len(header) > 2
