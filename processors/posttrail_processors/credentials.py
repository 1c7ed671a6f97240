"""How Faust and aiokafka protect their connections: the settings of Kafka in their words.

librdkafka's words for the same live in posttrail.kafka_clients.
"""

from collections.abc import Mapping
from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from faust.types.auth import CredentialsT

from posttrail import kafka_clients, tls
from posttrail.server_settings import Kafka


def of_faust(kafka: Kafka) -> CredentialsT | None:
    """For faust.App's `broker_credentials`; None: no protection. Holds secrets.

    Raises:
        posttrail.errors.BadSettings: a file of a certificate, a key or a secret cannot be used.
    """
    context = tls.context(kafka) if kafka.tls else None
    if kafka.sasl:
        return SASLCredentials(
            username=kafka.username,
            password=kafka_clients.password(kafka),
            ssl_context=context,
            mechanism=kafka.mechanism,
        )
    return None if context is None else SSLCredentials(context)


def of_aiokafka(kafka: Kafka) -> Mapping[str, Any]:
    """Arguments of aiokafka's clients, the same that Faust gives to its own. Holds secrets.

    Raises:
        posttrail.errors.BadSettings: as `of_faust`.
    """
    found: Mapping[str, Any] = credentials_to_aiokafka_auth(of_faust(kafka))
    return found
