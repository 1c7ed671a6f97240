"""Events that a target did not take go to `maillog.dead`, before their offset moves."""

from confluent_kafka import Message

from posttrail.config import Settings
from posttrail.dead_letter_producer import DeadLetterProducer, letter_of

TIMEOUT_S = 10.0


class DeadLetters:
    """Of one target."""

    def __init__(self, settings: Settings) -> None:
        """Connects when the first letter is sent."""
        self._dead = DeadLetterProducer(settings, "webhook-dead-letters", TIMEOUT_S, TIMEOUT_S + 1)

    def send(self, message: Message, reason: str) -> None:
        """Return once the broker has it.

        Raises:
            Retry: the broker did not take it; it may be there nevertheless.
        """
        self._dead.send([letter_of(message, message.topic() or "", "webhook", reason)])
