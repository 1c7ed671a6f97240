"""What makes a fact that comes again the same fact, as one number. Pure; knows no table.

A line comes again under its own origin when a processor repeats itself, and under another one when
a shipper that delivers at least once (rsyslog, Vector) sends it twice.
"""

from hashlib import blake2b

from posttrail.identity import SECOND
from posttrail.records import GapFact, NoqueueFact, Origin, ToFact

_ORDINAL_BITS = 8
_OFFSET_BITS = 46
_PARTITION_BITS = 9


def packed(origin: Origin, ordinal: int) -> int:
    """Origin and ordinal as a signed 64-bit number, the same whenever the fact comes again.

    Room for 512 partitions, 70 million million lines in each, 256 repetitions of a line; what lies
    beyond is hashed into the numbers below zero.
    """
    partition, offset = origin
    if partition >> _PARTITION_BITS or offset >> _OFFSET_BITS or ordinal >> _ORDINAL_BITS:
        return _hashed(f"{partition}:{offset}:{ordinal}")
    return (partition << _OFFSET_BITS | offset) << _ORDINAL_BITS | ordinal


def attempt_id(fact: ToFact) -> int:
    """Which attempt for its recipient this is.

    Two lines that say the same of the same microsecond are one line that came twice. Of the same
    second they may be two: there the origin tells.
    """
    if fact.t % SECOND == 0:
        return packed(fact.origin, fact.ordinal)
    return _hashed(
        f"{fact.t}\n{fact.ordinal}\n{fact.status}\n{fact.dsn}\n{fact.relay}\n{fact.delay}"
        f"\n{fact.response}"
    )


def noqueue_id(fact: NoqueueFact) -> int:
    """Which refusal this is, among all of the same time; see attempt_id."""
    if fact.t % SECOND == 0:
        return packed(fact.origin, fact.ordinal)
    return _hashed(
        f"{fact.host}\n{fact.instance}\n{fact.component}\n{fact.pid}\n{fact.ordinal}"
        f"\n{fact.action}\n{fact.client_name}\n{fact.client_addr}\n{fact.client_port}"
        f"\n{fact.sender}\n{fact.recipient}\n{fact.reason}"
    )


def gap_id(fact: GapFact) -> int:
    """Which gap this is, among all of the same time; see attempt_id."""
    if fact.t % SECOND == 0:
        return packed(fact.origin, fact.ordinal)
    return _hashed(f"{fact.host}\n{fact.source}\n{fact.lines}\n{fact.ordinal}\n{fact.reason}")


def _hashed(text: str) -> int:
    """Below zero, where no packed origin of a sane cluster is."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -1 - (int.from_bytes(digest, "big") >> 1)
