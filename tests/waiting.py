"""Waiting for what another process does: polling with a bound, never a fixed sleep."""

import time
from collections.abc import Callable


def eventually(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Poll until `holds()` is true.

    Raises:
        AssertionError: it was not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(0.05)
