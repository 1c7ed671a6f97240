"""What is known to be missing from the log. Reads only."""

from datetime import datetime

import msgspec
from psycopg2.extensions import connection

from posttrail_answers.database import sql


class Gap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of log_gap."""

    t: datetime
    host: str
    source: str
    lines: int | None = None
    """How many; None where nobody can know."""
    reason: str


def newest_gaps(opened: connection, limit: int) -> list[Gap]:
    """The newest gaps, newest first."""
    with opened.cursor() as cursor:
        cursor.execute(sql("gaps"), {"limit": limit})
        return [msgspec.convert(found, Gap, strict=False) for (found,) in cursor]
