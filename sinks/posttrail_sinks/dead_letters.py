"""What can never become a row goes to `maillog.dead`, acknowledged before its offset moves."""

from collections.abc import Sequence

from posttrail import topics
from posttrail.config import Settings
from posttrail.dead_letter_producer import DeadLetterProducer, letter_of
from posttrail_sinks.batches import Refused

TIMEOUT_S = 3.0
"""Shorter than the time a transaction may be idle (sql/session.sql): one waits for the broker."""


class DeadLetters:
    """Sends refused records and waits for the broker's word."""

    def __init__(self, settings: Settings) -> None:
        """Connects when the first letter is sent."""
        self._origin = topics.DELIVERIES.full_name(settings.kafka.prefix)
        self._dead = DeadLetterProducer(settings, "sink-dead-letters", TIMEOUT_S, TIMEOUT_S)

    def send(self, refused: Sequence[Refused]) -> None:
        """Return once the broker has every letter.

        Raises:
            Retry: the broker did not take them all; some may be there.
        """
        self._dead.send([letter_of(r.message, self._origin, "sink", r.reason) for r in refused])
