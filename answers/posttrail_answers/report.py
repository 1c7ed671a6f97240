"""What pflogsumm answers, from the tables: any period, any hosts. Gives records, reads only.

One statement each: everything in a report is true at one moment.
"""

from typing import Any

import msgspec
from psycopg2.extensions import connection

from posttrail_answers.database import sql
from posttrail_answers.report_records import HourCounts, Narrowed, Period, Report

EVERYTHING = Narrowed()
TOP = 20
"""How many rows a list has unless told otherwise."""
OLDEST_MAIL = "7 days"
"""How long before the period a mail may be born whose attempts are looked for.

Postfix gives up after maximal_queue_lifetime, five days; the rest is for time on hold.
"""


def make(
    opened: connection, period: Period, narrowed: Narrowed = EVERYTHING, top: int = TOP
) -> Report:
    """The report of a period.

    Args:
        top: the most rows of each list but days and hours.

    Raises:
        psycopg2.Error: trouble with the server; InvalidParameterValue where it knows no such zone.
    """
    with opened.cursor() as cursor:
        cursor.execute(
            sql("report_facts") + sql("report"), _parameters(period, narrowed) | {"top": top}
        )
        ((found,),) = cursor.fetchall()
    return msgspec.convert({"period": period, "narrowed": narrowed, **found}, Report, strict=False)


def hourly(
    opened: connection, period: Period, narrowed: Narrowed = EVERYTHING
) -> tuple[HourCounts, ...]:
    """What was received, delivered, deferred, bounced and rejected in each hour, oldest first."""
    with opened.cursor() as cursor:
        cursor.execute(sql("report_facts") + sql("report_hourly"), _parameters(period, narrowed))
        return tuple(msgspec.convert(found, HourCounts, strict=False) for (found,) in cursor)


def _parameters(period: Period, narrowed: Narrowed) -> dict[str, Any]:
    return {
        "since": period.since,
        "until": period.until,
        "zone": period.zone,
        "hosts": list(narrowed.hosts) or None,
        "domains": list(narrowed.domains) or None,
        "oldest": OLDEST_MAIL,
    }
