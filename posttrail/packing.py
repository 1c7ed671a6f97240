"""An origin as one number, as the tables keep it, and back. Pure; knows no table.

`delivery_from.line_ids` holds such numbers; so does `delivery_to.attempt_ids` where stamps are
whole seconds.
"""

from hashlib import blake2b

from posttrail.records import Origin

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
        return hashed(f"{partition}:{offset}:{ordinal}")
    return (partition << _OFFSET_BITS | offset) << _ORDINAL_BITS | ordinal


def unpacked(number: int) -> Origin | None:
    """The origin in a number of `packed`; None: it was hashed and cannot be told."""
    if number < 0:
        return None
    place = number >> _ORDINAL_BITS
    return place >> _OFFSET_BITS, place & (1 << _OFFSET_BITS) - 1


def hashed(text: str) -> int:
    """Below zero, where no packed origin of a sane cluster is."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -1 - (int.from_bytes(digest, "big") >> 1)
