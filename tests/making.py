"""Facts for tests that care about a few fields only."""

from typing import Any

from posttrail.identity import SECOND
from posttrail.records import FromFact, ToFact

T0 = 1_795_000_000 * SECOND
"""Some time on 2026-11-18 UTC, on the full second."""
SHORT = "6BFBD248547"
"""Born 0.442301 s after a full second."""
BORN = T0 + 442_301

_lines = iter(range(1, 1 << 40))


def line(at: float, component: str, **fields: Any) -> FromFact:
    """A fact about a mail, so many seconds after T0; each has an origin of its own."""
    return FromFact(**_common(at, component, fields))


def delivery(at: float, status: str = "sent", **fields: Any) -> ToFact:
    """An attempt, so many seconds after T0."""
    fields = {"recipient": "a@example.org", "status": status, **fields}
    return ToFact(**_common(at, fields.pop("component", "smtp"), fields))


def _common(at: float, component: str, fields: dict[str, Any]) -> dict[str, Any]:
    mail = {"host": "mx1", "instance": "postfix", "queue_id": SHORT}
    t = T0 + round(at * SECOND)
    return {**mail, "t": t, "component": component, "origin": (0, next(_lines)), **fields}


def client(at: float, **fields: Any) -> FromFact:
    return line(at, "smtpd", **{"client_name": "mail.example.net", **fields})


def message_id(at: float, **fields: Any) -> FromFact:
    return line(at, "cleanup", **{"message_id": "<1@example.com>", **fields})


def active(at: float, **fields: Any) -> FromFact:
    return line(at, "qmgr", **{"sender": "s@example.com", "size": 1000, "nrcpt": 1, **fields})


def removed(at: float, **fields: Any) -> FromFact:
    return line(at, "qmgr", status="removed", removed_at=T0 + round(at * SECOND), **fields)
