"""What a sink waits for, told once when it begins and once when it is over. Knows no client."""

import structlog

from posttrail.errors import Retry


class Trouble:
    """The trouble of one sink; there is one at a time that people are told of."""

    def __init__(self, say: structlog.typing.FilteringBoundLogger) -> None:
        """None so far."""
        self._say = say
        self._facts_wait = False
        self.kafka_is_away = False
        """It shows in many ways; only the first is told."""
        self.reason: str | None = None

    def begins(self, error: Retry, *, facts_wait: bool = False) -> None:
        """Tell why the sink waits, if that is news; `facts_wait`: a batch could not land."""
        self._facts_wait = self._facts_wait or facts_wait
        known = str(error) == self.reason or (self.kafka_is_away and self.reason is not None)
        if not known:
            self._say.warning("sink waits and tries again", error=str(error))
            self.reason = str(error)

    def servers_answer(self) -> None:
        """Enough for a sink that has nothing to land; where facts wait, their landing tells."""
        if not self._facts_wait:
            self.over()

    def over(self) -> None:
        """Facts land."""
        self.kafka_is_away = self._facts_wait = False
        if self.reason is not None:
            self._say.info("sink goes on")
            self.reason = None
