"""Settings of the two servers: where they are, how we get in. Part of posttrail.config.

Reads no file and knows no client.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Kafka(Section):
    """How to reach Kafka, for every client of ours. A file with a relative name is looked for in
    systemd's `$CREDENTIALS_DIRECTORY` first."""

    bootstrap: str = ""
    """`host:port[,host:port…]`; empty: the embedded Kafka of `posttrail up`."""
    security: Literal["plaintext", "tls", "sasl_plaintext", "sasl_tls"] = "plaintext"
    """What the listener at `bootstrap` speaks: TLS or not, a user with a password (SASL) or not."""
    ca_file: Path | None = None
    """PEM file of the authorities that sign the brokers' certificates; not set: the system's."""
    cert_file: Path | None = None
    """PEM file of our certificate and its chain, for mutual TLS."""
    key_file: Path | None = None
    """PEM file of the key of `cert_file`."""
    key_password: SecretStr = SecretStr("")
    """Opens `key_file`; empty: it is not encrypted."""
    key_password_file: Path | None = None
    """File that holds `key_password`."""
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    """How the password is proved; PLAIN sends it, so use it within TLS only."""
    username: str = ""
    """The user, where `security` begins with `sasl`."""
    password: SecretStr = SecretStr("")
    """The user's password."""
    password_file: Path | None = None
    """File that holds `password`."""
    prefix: str = ""
    """Put before every topic, group and transactional id: several posttrails on one cluster."""
    replication: int = Field(default=1, ge=1)
    """Replication factor of the topics that `posttrail topics` makes."""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security in ("tls", "sasl_tls")

    @property
    def sasl(self) -> bool:
        """Whether a user and a password are asked for."""
        return self.security.startswith("sasl")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: set both or none")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError("ca_file and cert_file mean TLS: set security to tls or sasl_tls")
        if self.sasl != bool(self.username):
            raise ValueError("username and a security that begins with sasl go together")
        if self.sasl and not (self.password.get_secret_value() or self.password_file):
            raise ValueError("a user needs a password: set password or password_file")
        return self


class Postgres(Section):
    """How to reach PostgreSQL."""

    dsn: SecretStr = SecretStr("")
    """libpq connection string; empty: the embedded PostgreSQL of `posttrail up`."""
    dsn_file: Path | None = None
    """File that holds `dsn`; a relative name is looked for in `$CREDENTIALS_DIRECTORY` first."""
    password_file: Path | None = None
    """File that holds the password alone; it beats one in `dsn`."""
