"""How long to wait before the next try. Pure but for the dice."""

import random

FIRST_S = 0.2
LONGEST_S = 15.0


class Backoff:
    """Waits that double up to a limit, each shortened by up to a half at random.

    The dice keep many sinks from coming back in the same instant.
    """

    def __init__(self) -> None:
        self._failures = 0

    def failed(self) -> float:
        """Count one more failure in a row; returns the seconds to wait."""
        longest = min(LONGEST_S, FIRST_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return longest * random.uniform(0.5, 1)  # noqa: S311  # no secret hangs on it

    def worked(self) -> None:
        """Something worked: the next failure is a first one."""
        self._failures = 0
