"""So many requests a minute: of an address before a login, of a user after it. ASGI and memory."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Throttle:
    """Counts in this process: one `posttrail web` is enough for a help desk."""

    def __init__(self, per_minute: int) -> None:
        """The same limit for everybody."""
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allows(self, kind: str, who: str) -> bool:
        """Count one request; False: it is one too many."""
        return self._limiter.hit(self._item, kind, who)
