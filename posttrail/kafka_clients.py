"""Settings of every Kafka client of ours, in librdkafka's words (CONFIGURATION.md).

Knows no topic and no stage. aiokafka's words for the same live with the processor.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from posttrail import secret_files, tls
from posttrail.config import Settings, bootstrap
from posttrail.server_settings import Kafka

Config: TypeAlias = Mapping[str, str | int | float | bool]

_PROTOCOLS = {
    "plaintext": "plaintext",
    "tls": "ssl",
    "sasl_plaintext": "sasl_plaintext",
    "sasl_tls": "sasl_ssl",
}


def base(settings: Settings, client_id: str) -> dict[str, str | int | float | bool]:
    """What producer, consumer and admin share. It holds secrets: never to be shown.

    Raises:
        posttrail.errors.Unreachable: no broker is set and no embedded one runs.
        posttrail.errors.BadSettings: a file of a certificate, a key or a secret cannot be used.
    """
    tls.require_usable(settings.kafka)
    return {
        "bootstrap.servers": bootstrap(settings),
        "client.id": f"posttrail-{client_id}",
        "partitioner": "consistent_random",  # crc32(key): posttrail.topics.partition_for
        **security(settings.kafka),
    }


def security(kafka: Kafka) -> Config:
    """How the connection is protected, and who we are.

    Raises:
        posttrail.errors.BadSettings: the file of a secret cannot be read.
    """
    return {
        "security.protocol": _PROTOCOLS[kafka.security],
        **({} if kafka.ca_file is None else {"ssl.ca.location": _path(kafka.ca_file)}),
        **_certificate(kafka),
        **_user(kafka),
    }


def _path(file: Path) -> str:
    return str(secret_files.place(file))


def _certificate(kafka: Kafka) -> Config:
    if kafka.cert_file is None or kafka.key_file is None:
        return {}
    files = {
        "ssl.certificate.location": _path(kafka.cert_file),
        "ssl.key.location": _path(kafka.key_file),
    }
    password = tls.key_password(kafka)
    return {**files, "ssl.key.password": password} if password else files


def _user(kafka: Kafka) -> Config:
    if not kafka.sasl:
        return {}
    return {
        "sasl.mechanism": kafka.mechanism,
        "sasl.username": kafka.username,
        "sasl.password": password(kafka),
    }


def password(kafka: Kafka) -> str:
    """The user's password.

    Raises:
        posttrail.errors.BadSettings: its file cannot be read.
    """
    return secret_files.secret("kafka.password", kafka.password, kafka.password_file)
