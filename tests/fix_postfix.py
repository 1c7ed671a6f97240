"""Fixtures of a real Postfix: private, on loopback, in namespaces of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.missing import missing
from tests.postfix.mailhost import Log, Mailhost, why_not

StartsPostfix = Callable[..., Mailhost]


@pytest.fixture(scope="session")
def _postfix_is_here() -> None:
    if reason := why_not():
        missing(reason)


@pytest.fixture
def mailhost(_postfix_is_here: None, tmp_path: Path) -> StartsPostfix:
    """Makes a mail host: `with mailhost("mx1", Log.FILE, long_ids=True) as host: …`."""

    def make(host: str, log: Log, *, long_ids: bool) -> Mailhost:
        return Mailhost(tmp_path / host, host, log, long_ids=long_ids)

    return make
