"""The zone of the person at the terminal."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

LOCALTIME = Path("/etc/localtime")


def zone_name() -> str:
    """The tz database's name of the local zone, from TZ or /etc/localtime; else UTC."""
    named = os.environ.get("TZ", "").removeprefix(":")
    linked = str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    found = named or linked
    return found if found in available_timezones() else "UTC"


def now_here() -> datetime:
    """Now, in the local zone."""
    return datetime.now(ZoneInfo(zone_name()))
