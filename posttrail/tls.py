"""TLS as the settings of Kafka say it: our certificate, the authorities that we trust.

Serves clients that take Python's ssl contexts, and says before a connection which file is wrong.
Knows no topic and opens no connection.
"""

import ssl
from pathlib import Path

from posttrail import secret_files
from posttrail.errors import BadSettings
from posttrail.server_settings import Kafka


def key_password(kafka: Kafka) -> str:
    """What opens the key; empty: it is open.

    Raises:
        BadSettings: its file cannot be read.
    """
    return secret_files.secret("kafka.key_password", kafka.key_password, kafka.key_password_file)


def require_usable(kafka: Kafka) -> None:
    """Look at certificates and keys before a client does, whose words would say less.

    Raises:
        BadSettings: a file is missing or cannot be used; says which and why.
    """
    if kafka.tls:
        context(kafka)


def context(kafka: Kafka) -> ssl.SSLContext:
    """A context that checks the broker's certificate and its name, and shows ours.

    Raises:
        BadSettings: a file is missing or cannot be used; says which and why.
    """
    made = ssl.create_default_context()
    if kafka.ca_file is not None:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(made, secret_files.place(kafka.ca_file))
    if kafka.cert_file is not None and kafka.key_file is not None:
        _show(made, kafka, secret_files.place(kafka.cert_file), secret_files.place(kafka.key_file))
    return made


def _trust(made: ssl.SSLContext, file: Path) -> None:
    try:
        made.load_verify_locations(file)
    except ssl.SSLError:
        raise BadSettings(f"kafka.ca_file: {file} holds no certificate in PEM form") from None
    except OSError as error:
        raise BadSettings(f"kafka.ca_file: cannot read {file}: {error.strerror}") from None


def _show(made: ssl.SSLContext, kafka: Kafka, certificate: Path, key: Path) -> None:
    for name, file in (("cert_file", certificate), ("key_file", key)):
        _require_readable(name, file)
    password = key_password(kafka)
    try:
        # Without a function OpenSSL would ask on the terminal for the password of a locked key.
        made.load_cert_chain(certificate, key, lambda: password)
    except (ssl.SSLError, ValueError) as error:
        raise BadSettings(_unusable(error, certificate, key)) from None


def _require_readable(name: str, file: Path) -> None:
    try:
        file.read_bytes()
    except OSError as error:
        raise BadSettings(f"kafka.{name}: cannot read {file}: {error.strerror}") from None


def _unusable(error: Exception, certificate: Path, key: Path) -> str:
    """One line about a pair that OpenSSL does not take; it gives a reason for a mismatch only."""
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"kafka.key_file: {key} is not the key of {certificate}"
    if b"ENCRYPTED" in key.read_bytes():
        return f"kafka.key_file: {key} is encrypted, and kafka.key_password does not open it"
    return f"kafka.cert_file, kafka.key_file: {certificate} and {key} are no pair in PEM form"
