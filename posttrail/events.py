"""Every event of a log that a person should look at: warnings, errors, and what they mean.

docs/events.md is written from here, and a test compares it with the calls in the code. What a
process says at level `info` tells its way and asks for nothing. Knows no stage.
"""

from typing import Literal

import msgspec


class Event(msgspec.Struct, frozen=True):
    """One line of a log, by its field `event`."""

    name: str
    stage: str
    """The field `stage` of the line."""
    level: Literal["warning", "error", "critical"]
    meaning: str
    """What happened, and what to do if anything."""


EVENTS = (
    Event(
        "not committed, trying again", "producer", "warning",
        "Kafka did not take a transaction; its lines are read again. Look at Kafka if it goes on.",
    ),
    Event(
        "lines may be lost", "producer", "warning",
        "A file was cut, overwritten or removed before it was read to its end. A row in log_gap "
        "says so, too; look at how the file is rotated.",
    ),
    Event(
        "what is damaged cannot be read", "producer", "warning",
        "A compressed log ends early or is broken; what came before is in Kafka.",
    ),
    Event(
        "a file is passed over", "producer", "warning",
        "A file beside the log looks like an older part of it and cannot be read; the field "
        "`reason` says why.",
    ),
    Event(
        "shorter than when it was read before: nothing of it is new", "producer", "warning",
        "A file that was imported before has lost its end since; nothing is read of it.",
    ),
    Event(
        "this is another name of a log that is followed already: passed over",
        "producer", "warning",
        "Two patterns, or a link, name the same log; it is read once.",
    ),
    Event(
        "not reloaded, the old settings stay", "service", "error",
        "SIGHUP came, and the settings cannot be used. Mend what `reason` names and reload again.",
    ),
    Event(
        "systemd does not listen", "service", "warning",
        "NOTIFY_SOCKET is set and nobody answers there: the unit must say Type=notify.",
    ),
    Event(
        "lines were gone from the topic before a processor read them", "process", "error",
        "The processors stood still for longer than Kafka keeps maillog.raw, or somebody deleted "
        "records of it. A row in log_gap says so, too; a file that still has the lines can be "
        "imported again.",
    ),
    Event(
        "waiting for Kafka", "process", "warning",
        "No broker answers yet. It goes on by itself.",
    ),
    Event(
        "Kafka does not answer: waiting", "process", "warning",
        "No broker answers a worker that was at work. `Kafka answers again` ends it.",
    ),
    Event(
        "the broker did not take the facts; trying again", "process", "warning",
        "The batch is sent again until Kafka has it; a repeat does no harm.",
    ),
    Event(
        "a record is larger than the broker takes", "process", "warning",
        "It becomes a dead letter, cut if need be. Raise max.message.bytes of the topic.",
    ),
    Event(
        "the producer did not stop in good order", "process", "warning",
        "A connection to Kafka hung at the end. What was not acknowledged is read again.",
    ),
    Event(
        "commit refused, tried again later", "process", "warning",
        "The group is being rearranged. Only a worry if it never ends.",
    ),
    Event(
        "not waiting for the batch in hand any longer; it will be read again", "process", "warning",
        "Partitions move to another worker, which repeats these lines; a repeat does no harm.",
    ),
    Event(
        "no last commit; the last lines will be read again", "process", "warning",
        "Kafka did not answer while the worker stopped; a repeat does no harm.",
    ),
    Event(
        "the stop took too long and was cut short; nothing is lost", "process", "warning",
        "Faust hung while it stopped. The last lines are read again.",
    ),
    Event(
        "stalled: ending, to be started anew", "process", "critical",
        "Lines wait and the worker took none for processor.stall_seconds. It ends, and whoever "
        "runs it starts it anew. Keep the log if it happens twice.",
    ),
    Event(
        "a bug: lines could not be read and became dead letters", "process", "error",
        "The parser raised an error. `posttrail dead` shows the lines; please report them.",
    ),
    Event(
        "sink waits and tries again", "sink", "warning",
        "PostgreSQL or Kafka is away or refused a transaction; `error` says why. `sink goes on` "
        "ends it.",
    ),
    Event(
        "fenced: nothing of the batch was written", "sink", "warning",
        "Another sink had taken the partition over. Once in a while that is right.",
    ),
    Event(
        "the group gave up on this sink", "sink", "warning",
        "It was too slow or cut off, and its partitions went to others. It joins again by itself.",
    ),
    Event(
        "facts went to the dead letters", "sink", "warning",
        "PostgreSQL can never take these facts. `posttrail dead` shows them with the reason.",
    ),
    Event(
        "facts were gone from the topic before a sink read them", "sink", "error",
        "The sinks stood still for longer than Kafka keeps maillog.deliveries. "
        "`posttrail replay` brings them back from maillog.raw.",
    ),
    Event(
        "ended sessions of a frozen sink", "sink", "warning",
        "A sink that held a partition was frozen; its sessions on the server were ended.",
    ),
    Event(
        "a page failed", "web", "error",
        "A request ended with status 500; `reason` says why. Look at PostgreSQL first.",
    ),
    Event(
        "a login failed", "web", "warning",
        "Somebody was not let in. Many of them are somebody who tries.",
    ),
    Event(
        "events wait, trying again", "events", "warning",
        "PostgreSQL or Kafka is away, or another worker took over; `error` says why. Nothing is "
        "lost: what changes stays marked. `events go on` ends it.",
    ),
    Event(
        "a target does not take events, trying again", "webhook", "warning",
        "The target is away or refuses for now; `reason` says how. Others are not held up. `the "
        "target takes events again` ends it.",
    ),
    Event(
        "an event went to the dead letters", "webhook", "warning",
        "The target refused it for good, or too often. `posttrail dead` counts them.",
    ),
    Event(
        "cannot look", "watch", "warning",
        "Kafka or PostgreSQL does not answer `posttrail watch`; its alerts are blind meanwhile.",
    ),
    Event(
        "ended, will be started again", "up", "warning",
        "A program of `posttrail up` ended; `last_words` says why.",
    ),
    Event(
        "ended what an earlier run left behind", "up", "warning",
        "The last `posttrail up` was killed and a server lived on; it was ended first.",
    ),
)  # fmt: skip
