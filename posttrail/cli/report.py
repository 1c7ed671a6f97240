"""`posttrail report`: what went through in a period, for a person, JSON or CSV."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from posttrail import config
from posttrail.cli import report_forms
from posttrail.cli.local_time import now_here, zone_name

if TYPE_CHECKING:
    from posttrail_answers.report_records import Period


class By(StrEnum):
    """The lists of a report, as report_forms.SECTIONS names them."""

    DAY = "day"
    HOUR = "hour"
    RECIPIENT_DOMAIN = "recipient-domain"
    SENDER_DOMAIN = "sender-domain"
    SENDER = "sender"
    SENDER_SIZE = "sender-size"
    RECIPIENT = "recipient"
    RECIPIENT_SIZE = "recipient-size"
    RELAY = "relay"
    REFUSAL = "refusal"
    REASON = "reason"
    DELAY = "delay"
    LOGIN = "login"


class Format(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="The period's begin.")] = "today",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="The period's end, not in it.")
    ] = "now",
    host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="This mail host only; repeatable.")
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(metavar="DOMAIN", help="Mail from or to this domain only; repeatable."),
    ] = None,
    by: Annotated[
        list[By] | None, typer.Option(help="Show this list only; repeatable. All otherwise.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How it is printed.")] = Format.TEXT,
    top: Annotated[int, typer.Option(min=1, help="The most rows of a list.")] = 20,
) -> None:
    """Show what was received, delivered, deferred, bounced and rejected in a period.

    Lines that are known to be missing from the log come first.
    """
    from posttrail_answers.database import reading
    from posttrail_answers.report import make
    from posttrail_answers.report_records import Narrowed

    narrowed = Narrowed(tuple(host or ()), tuple(name.lower() for name in domain or ()))
    period = _period(since, until)
    with reading(config.dsn(config.load())) as opened:
        found = make(opened, period, narrowed, top)
    sections = [each.value for each in by or By]
    if form is Format.JSON:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    elif form is Format.CSV:
        sys.stdout.buffer.write(report_forms.as_csv(found, sections).encode())
    else:
        report_forms.show(Console(highlight=False), found, sections)


def _period(since: str, until: str) -> "Period":
    from posttrail_answers.report_records import Period
    from posttrail_answers.times import moment

    now = now_here()
    begin, end = moment(since, now), moment(until, now)
    if begin >= end:
        raise typer.BadParameter(f"--since {since} is not before --until {until}")
    return Period(begin, end, zone_name())
