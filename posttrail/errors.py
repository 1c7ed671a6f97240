"""Errors by what the caller does about them, and the exit codes of the command line.

PosttrailError
├── Retry        wait with back-off and try again: a server is away, a deadlock was broken
├── Poison       this record can never be used: to `maillog.dead` with the reason, go on
└── Stop         only a person can mend it: end with the message, which says what to do
    ├── BadSettings
    ├── BadInput
    ├── Unreachable
    │   └── Refused
    ├── NotReady
    └── Fenced
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `posttrail`, as documented in docs/commands.md."""

    OK = 0
    FAILED = 1
    """Something broke that has no code of its own; the message says what."""
    USAGE = 2
    """The command line itself was wrong (typer's own code)."""
    SETTINGS = 3
    """A setting is unknown, missing or has a value that cannot be used."""
    INPUT = 4
    """A file to read is missing, unreadable or not a log."""
    UNREACHABLE = 5
    """Kafka or PostgreSQL cannot be reached or refused us."""
    NOT_READY = 6
    """A topic or the schema is not as declared: `posttrail topics`, `posttrail migrate`."""
    FENCED = 7
    """A newer copy of this source or sink took over; this one has written nothing since."""
    NOT_FOUND = 8
    """The question was understood and the answer is: nothing."""
    TIMEOUT = 9
    """What was waited for did not come in the given time."""


class PosttrailError(Exception):
    """Something that posttrail itself has words for. The message is one line for a person."""

    exit_code = Exit.FAILED


class Retry(PosttrailError):
    """Try again after a while: nothing is wrong with the data or the settings."""


class Poison(PosttrailError):
    """A record that can never be used; the message is the reason that goes to `maillog.dead`."""


class Stop(PosttrailError):
    """Only a person can mend this; the message says what to do."""


class BadSettings(Stop):
    """A setting is unknown, missing or unusable."""

    exit_code = Exit.SETTINGS


class BadInput(Stop):
    """A file to read is missing, unreadable or not a log."""

    exit_code = Exit.INPUT


class Unreachable(Stop):
    """A server cannot be reached or refused us."""

    exit_code = Exit.UNREACHABLE


class Refused(Unreachable):
    """A server is there and does not let us in: waiting does not help."""


class NotReady(Stop):
    """A topic or the schema is missing or not as declared."""

    exit_code = Exit.NOT_READY


class Fenced(Stop):
    """A newer copy took over; this one must write nothing more."""

    exit_code = Exit.FENCED


class NotFound(Stop):
    """The question was understood and the answer is: nothing."""

    exit_code = Exit.NOT_FOUND


class TimedOut(Stop):
    """What was waited for did not come in time."""

    exit_code = Exit.TIMEOUT
