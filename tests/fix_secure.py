"""Servers that ask who comes: one Kafka with rules and TLS, one PostgreSQL with TLS, a session."""

from collections.abc import Iterator

import pytest

from posttrail.errors import PosttrailError
from tests.certificates import Certificates
from tests.missing import missing
from tests.secure_kafka import SecureKafka
from tests.secure_postgres import SecurePostgres, programs


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secure_kafka(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[SecureKafka]:
    directory = tmp_path_factory.mktemp("secure-kafka")
    server = SecureKafka(directory, directory / "kafka.log", certificates)
    try:
        server.start()
    except PosttrailError as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def secure_postgres(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[SecurePostgres]:
    found = programs()
    if found is None:
        missing("a PostgreSQL that speaks TLS: apt-get install postgresql")
    directory = tmp_path_factory.mktemp("secure-postgres")
    server = SecurePostgres(directory, directory / "postgres.log", certificates, found)
    server.start()
    yield server
    server.stop()
