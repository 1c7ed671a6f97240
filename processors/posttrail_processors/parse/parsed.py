"""What the parser hands on: one line of Postfix, read."""

import msgspec

from posttrail_processors.heads import Line
from posttrail_processors.parse.formats import Fields


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """A line as read: whose it is and what it says."""

    line: Line
    queue_id: str | None
    action: str
    """What happened, in Postfix's words; always there."""
    fields: Fields
    errors: tuple[str, ...] = ()
    """What the line says that cannot be used, and why."""

    @property
    def t(self) -> int | None:
        """Microseconds since 1970 UTC; None when the line has no time that can be read."""
        return self.line.t

    @property
    def host(self) -> str:
        """As the line's head says."""
        return self.line.host

    @property
    def instance(self) -> str | None:
        """First part of the tag; None when the line is not Postfix's."""
        return self.line.program.instance

    @property
    def service(self) -> str | None:
        """What stands between the first and the last part of the tag."""
        return self.line.program.service

    @property
    def component(self) -> str | None:
        """Last part of the tag: the daemon."""
        return self.line.program.component

    @property
    def pid(self) -> int | None:
        """Of the daemon."""
        return self.line.program.pid
