"""A fact's place among all facts as one number. Pure; knows no table."""

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
        text = f"{partition}:{offset}:{ordinal}"
        return -1 - (int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1)
    return (partition << _OFFSET_BITS | offset) << _ORDINAL_BITS | ordinal
