"""What makes a fact that comes again the same fact, as one number. Pure; knows no table.

A line comes again under its own origin when a processor repeats itself, and under another one when
a shipper that delivers at least once (rsyslog, Vector) sends it twice.
"""

from posttrail.identity import SECOND
from posttrail.packing import hashed, packed
from posttrail.records import GapFact, NoqueueFact, ToFact

__all__ = ["attempt_id", "gap_id", "noqueue_id", "packed"]


def attempt_id(fact: ToFact) -> int:
    """Which attempt for its recipient this is.

    Two lines that say the same of the same microsecond are one line that came twice. Of the same
    second they may be two: there the origin tells.
    """
    if fact.t % SECOND == 0:
        return packed(fact.origin, fact.ordinal)
    return hashed(
        f"{fact.t}\n{fact.ordinal}\n{fact.status}\n{fact.dsn}\n{fact.relay}\n{fact.delay}"
        f"\n{fact.response}"
    )


def noqueue_id(fact: NoqueueFact) -> int:
    """Which refusal this is, among all of the same time; see attempt_id."""
    if fact.t % SECOND == 0:
        return packed(fact.origin, fact.ordinal)
    return hashed(
        f"{fact.host}\n{fact.instance}\n{fact.component}\n{fact.pid}\n{fact.ordinal}"
        f"\n{fact.action}\n{fact.client_name}\n{fact.client_addr}\n{fact.client_port}"
        f"\n{fact.sender}\n{fact.recipient}\n{fact.reason}"
    )


def gap_id(fact: GapFact) -> int:
    """Which gap this is, among all of the same time; see attempt_id."""
    if fact.t % SECOND == 0:
        return packed(fact.origin, fact.ordinal)
    return hashed(f"{fact.host}\n{fact.source}\n{fact.lines}\n{fact.ordinal}\n{fact.reason}")
