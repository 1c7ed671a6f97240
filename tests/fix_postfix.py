"""A real Postfix for tests: whether it can run here."""

import pytest

from tests.missing import missing
from tests.postfix.mailhost import why_not


@pytest.fixture(scope="session")
def real_postfix() -> None:
    """Private mail hosts can be made here: see tests/postfix/mailhost.py."""
    if reason := why_not():
        missing(reason)
