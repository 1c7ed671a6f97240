"""Who moves mail through the queue: qmgr, pickup, bounce, postsuper.

qmgr/qmgr_active.c, global/opened.c, pickup/pickup.c, bounce/bounce_*_service.c,
postsuper/postsuper.c. The only text of a stranger is the sender's address; what follows it is
fixed, so it is read from the end of the line.
"""

import re

from posttrail_processors.parse.formats import Component, Format, Reading, known, says, table
from posttrail_processors.parse.shared import PLAIN, QUEUED
from posttrail_processors.parse.tokens import QUEUE_ID

_MOST_DIGITS = 48
_expired = re.compile(r">, status=(expired|force-expired), returned to sender\Z").match


def _read_from(message: str) -> Reading | None:
    """`from=<A>, size=N, nrcpt=N (queue active)`, again at every retry; or the end of its time."""
    before, _, rest = message.rpartition(">, size=")
    size, _, rest = rest.partition(", nrcpt=")
    nrcpt, _, rest = rest.partition(" (")
    is_sized = size.isdigit() and nrcpt.isdigit() and len(size) + len(nrcpt) < _MOST_DIGITS
    if is_sized and rest[-1:] == ")" and before[:6] == "from=<":
        fields = {"sender": before[6:], "size": size, "nrcpt": nrcpt, "status": "queued"}
        return "queued", "from", fields
    end = message.rfind(">, status=")
    if end >= 0 and message.startswith("from=<") and (found := _expired(message, end)):
        return found[1], "from", {"sender": message[6:end], "status": "expired"}
    return None


_GONE = {"status": "removed", "removed": "yes"}
_REMOVED: Reading = ("removed", "from", _GONE)


def _read_removed(message: str) -> Reading | None:
    return _REMOVED if message == "removed" else None


QMGR = Component(
    queued=table(
        Format("from=<", _read_from),
        Format("removed", _read_removed),
        known("skipped", "skipped, still being delivered", ""),
        *QUEUED,
    ),
    noqueue=table(),
    plain=table(*PLAIN),
)

_PICKUP = r"(?P<uid>\d{1,24}) from=<(?P<sender>.*)>"
PICKUP = Component(
    queued=table(
        says("pickup", "from", "uid=", rf"{_PICKUP} orig_id=(?P<requeued_from>{QUEUE_ID})"),
        says("pickup", "from", "uid=", _PICKUP),
        *QUEUED,
    ),
    noqueue=table(),
    plain=table(*PLAIN),
)

BOUNCE = Component(
    queued=table(
        *(
            says("notification", "from", f"{to} {what}: ", f"(?P<{field}>{QUEUE_ID})")
            for to in ("sender", "postmaster")
            for what, field in (
                ("non-delivery notification", "bounce_ids"),
                ("delay notification", "delay_ids"),
                ("delivery status notification", "dsn_ids"),
            )
        ),
        known("no notification", "not sending trace/success notification for "),
        *QUEUED,
    ),
    noqueue=table(),
    plain=table(*PLAIN),
)

POSTSUPER = Component(
    queued=table(
        Format("removed", _read_removed),
        # The mail goes on under the id that pickup gives it (`orig_id=`); this id is gone.
        says("requeued", "from", "requeued", "", reason="requeued", **_GONE),
        says("hold", "from", "placed on hold", "", status="held"),
        says("release", "from", "released from hold", "", status="queued"),
        says("expired", "from", "expired", "", status="expired"),
    ),
    noqueue=table(),
    plain=table(
        *(
            known("count", f"{what}: ", r"\d+ messages?")
            for what in (
                "Deleted", "Requeued", "Placed on hold", "Released from hold", "Force-expired",
                "Renamed to match inode number",
            )
        ),
        known("renamed", "renamed file ", r"\S+ as \S+"),
        *PLAIN,
    ),
)  # fmt: skip
