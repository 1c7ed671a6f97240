"""The sample log in tables, imported once per session through the whole pipe."""

import pytest

from tests.fix_stack import Stack


@pytest.fixture(scope="session")
def sample_dsn(imported: Stack) -> str:
    """Connection string of the database that holds the sample log and the lines of the talk."""
    return imported.dsn
