"""A real PostgreSQL for the tests: an embedded one per session, or the one that
POSTTRAIL_TEST_DSN names.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec

import psycopg2
import pytest
from posttrail_embedded.database import MAJOR_VERSION, EmbeddedPostgres
from psycopg2.extensions import make_dsn

from posttrail.errors import PosttrailError
from tests.missing import missing

GIVEN = os.environ.pop("POSTTRAIL_TEST_DSN", "")


def pytest_report_header() -> str:
    return f"postgres: {'as given' if GIVEN else f'embedded {MAJOR_VERSION}'}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of a server's maintenance database."""
    if GIVEN:
        yield GIVEN
        return
    directory = tmp_path_factory.mktemp("postgres")
    server = EmbeddedPostgres(directory, directory / "postgres.log", durable=False)
    try:
        server.start()
    except PosttrailError as error:
        missing(str(error))
    yield server.dsn("postgres")
    server.stop()


def execute(dsn: str, statement: str) -> None:
    """Run one statement outside of a transaction."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def on_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    return make_dsn(dsn, dbname=name)


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    """Name of a migrated database that each test's own is a copy of."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    execute(postgres, f"CREATE DATABASE {name}")
    if find_spec("posttrail_sinks.migrate") is not None:
        import_module("posttrail_sinks.migrate").migrate(on_database(postgres, name))
    yield name
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dsn(postgres: str, template: str) -> Iterator[str]:
    """Connection string of a fresh, migrated database."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield on_database(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")
