"""Places in a topic as a person names them: a time, or an offset. Pure."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from posttrail.errors import BadInput


class AtOffset(msgspec.Struct, frozen=True):
    """This offset of every partition, or the nearest that can be read."""

    offset: int


class AtTime(msgspec.Struct, frozen=True):
    """The first record of each partition that came to Kafka at this time or later."""

    milliseconds: int
    """Since 1970 UTC."""


Place: TypeAlias = AtOffset | AtTime


def place(text: str) -> Place:
    """What a person means by `1200` or `2026-11-24T06:00:00+01:00`; no zone: the local one.

    Raises:
        BadInput: neither a number nor a time.
    """
    if text.isascii() and text.isdigit():
        return AtOffset(int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"{text!r} is neither an offset nor a time like 2026-11-24T06:00:00Z"
        ) from None
    return AtTime(round(moment.timestamp() * 1000))
