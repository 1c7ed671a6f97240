"""Why no broker lets us in: found out after a connection failed, told in one line with the cure.

librdkafka says that a certificate is wrong, not what is wrong with it; so the handshake is done
once more by Python's ssl, which knows. Knows no topic and no stage.
"""

import socket
import ssl
import time
from collections.abc import Iterator

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from posttrail import kafka_clients, tls
from posttrail.config import Settings, bootstrap
from posttrail.errors import Refused

_LISTEN_S = 2.0
_CONNECT_S = 2.0


def refusal(settings: Settings) -> Refused | None:
    """What a person must mend; None: nobody is there, or he is busy, or starts.

    Raises:
        posttrail.errors.BadSettings: a file of a certificate, a key or a secret cannot be used.
        posttrail.errors.Unreachable: no broker is set and no embedded one runs.
    """
    heard = _heard(settings)
    if any(error.code() == KafkaError._AUTHENTICATION for error in heard):  # noqa: SLF001  # its name
        return Refused(of_password(settings, " ".join(error.str() for error in heard)))
    for host, port in _addresses(bootstrap(settings)):
        if why := _handshake(settings, host, port):
            return Refused(f"Kafka at {host}:{port}: {why}")
    return None


def of_password(settings: Settings, said: str) -> str:
    """About a user that the broker does not know, or not by this password or mechanism."""
    kafka = settings.kafka
    if "mechanism handshake failed" in said:
        return (
            f"Kafka at {bootstrap(settings)} does not take {kafka.mechanism}: "
            "see kafka.mechanism and kafka.security"
        )
    return (
        f"Kafka at {bootstrap(settings)} refuses user {kafka.username} ({kafka.mechanism}): "
        "unknown user or wrong password; see kafka.username and kafka.password"
    )


def _heard(settings: Settings) -> list[KafkaError]:
    """What librdkafka says about its attempts to connect."""
    heard: list[KafkaError] = []
    admin = AdminClient(
        {**kafka_clients.base(settings, "admin"), "log_level": 0, "error_cb": heard.append}
    )
    deadline = time.monotonic() + _LISTEN_S
    while time.monotonic() < deadline:
        try:
            admin.list_topics(timeout=0.3)
        except KafkaException:
            admin.poll(0)
        else:
            return []
        if any(error.code() != KafkaError._ALL_BROKERS_DOWN for error in heard):  # noqa: SLF001
            break
    return heard


def _addresses(brokers: str) -> Iterator[tuple[str, int]]:
    for broker in brokers.split(","):
        host, _, port = broker.strip().rpartition(":")
        if port.isdecimal():
            yield host.strip("[]"), int(port)


def _handshake(settings: Settings, host: str, port: int) -> str | None:
    """What is wrong with TLS on this listener; None: nothing, or nobody listens."""
    context = tls.context(settings.kafka) if settings.kafka.tls else _any_tls()
    try:
        with (
            socket.create_connection((host, port), _CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            if not settings.kafka.tls:
                return "this listener speaks TLS: set kafka.security to tls or sasl_tls"
            secure.settimeout(1.0)  # in TLS 1.3 the broker judges our certificate after this
            secure.recv(1)
    except ssl.SSLError as error:
        return of_tls(error, shown=settings.kafka.cert_file is not None, wanted=settings.kafka.tls)
    except (OSError, UnicodeError):
        return None
    return None


def _any_tls() -> ssl.SSLContext:
    """Takes any certificate: it only asks whether TLS is spoken, and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def of_tls(error: ssl.SSLError, *, shown: bool, wanted: bool = True) -> str | None:
    """An error of a handshake in words that say what to do.

    Args:
        error: of Python's ssl.
        shown: whether we have a certificate of our own.
        wanted: whether the settings ask for TLS.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_their_certificate(error.verify_message)
    reason = error.reason or ""
    if "ALERT" in reason and any(word in reason for word in ("CERT", "UNKNOWN_CA", "HANDSHAKE")):
        if not shown:
            return (
                "the broker asks for a certificate of ours: set kafka.cert_file and kafka.key_file"
            )
        return (
            "the broker does not take our certificate: is it expired, or not signed by an "
            "authority that the broker trusts? see kafka.cert_file"
        )
    if not wanted:
        return None
    return "no TLS is spoken here: see kafka.security and the port in kafka.bootstrap"


def _of_their_certificate(why: str) -> str:
    """`why` is OpenSSL's word (X509_verify_cert_error_string)."""
    if "expired" in why:
        return "the broker's certificate has expired: renew it on the broker"
    if "mismatch" in why or "not valid for" in why:
        return f"the broker's certificate is for another name ({why}): see kafka.bootstrap"
    return (
        f"the broker's certificate is not signed by an authority that we trust ({why}): "
        "see kafka.ca_file"
    )
