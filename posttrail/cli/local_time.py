"""The zone of the person at the terminal, and moments as they are typed in it."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import typer

LOCALTIME = Path("/etc/localtime")


def zone_name() -> str:
    """The tz database's name of the local zone, from TZ or /etc/localtime; else UTC."""
    named = os.environ.get("TZ", "").removeprefix(":")
    linked = str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    found = named or linked
    return found if found in available_timezones() else "UTC"


def moment(text: str, now: datetime) -> datetime:
    """`now`, `today` (its beginning), `yesterday`, or ISO 8601; without a zone it is local."""
    zone = ZoneInfo(zone_name())
    if text == "now":
        return now.astimezone(zone)
    if text in {"today", "yesterday"}:
        day = now.astimezone(zone).date().toordinal() - (text == "yesterday")
        return datetime.fromordinal(day).replace(tzinfo=zone)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-11-24T10:00") from error
    return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
