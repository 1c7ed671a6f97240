"""What the parser hands on: one line of Postfix, read."""

import msgspec

from posttrail_processors.parse.formats import Fields


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """A line as read: whose it is and what it says."""

    t: int | None
    """Microseconds since 1970 UTC; None when the line has no time that can be read."""
    host: str
    instance: str | None
    """First part of the tag; None when the line is not Postfix's."""
    service: str | None
    component: str | None
    pid: int | None
    queue_id: str | None
    action: str
    """What happened, in Postfix's words; always there."""
    fields: Fields
    errors: tuple[str, ...] = ()
    """What the line says that cannot be used, and why."""
