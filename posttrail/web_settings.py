"""The settings of the web page, `[web]`: who may see it, and from where. A part of `config`."""

import ipaddress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from posttrail.server_settings import Section


class Token(Section):
    """A program that may ask the API."""

    name: str = Field(min_length=1)
    """Who it is, in the record of look-ups."""
    token: SecretStr
    """What it sends as `Authorization: Bearer …`; make one with `openssl rand -hex 32`."""
    domains: tuple[str, ...] = ()
    """It sees mails from and to these domains."""
    administrator: bool = False
    """It sees every mail."""


class Web(Section):
    """The web page and its API; docs/web.md."""

    address: str = "127.0.0.1"
    """Address that it is bound to; any other than this machine's own needs `login` and TLS."""
    port: int = Field(default=8025, ge=0, le=65535)
    """Its port; 0: a free one."""
    hostname: str = ""
    """The name that browsers use (`trail.example.com`); requests for other names are refused."""
    login: Literal["none", "proxy", "oidc"] = "none"
    """Who people are: nobody asks (this machine only), a reverse proxy says so, or OIDC."""
    cert_file: Path | None = None
    """PEM file of the certificate and its chain, for TLS without a proxy."""
    key_file: Path | None = None
    """PEM file of its key."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies; headers of all others are ignored."""
    user_header: str = "X-Forwarded-User"
    """Header in which a trusted proxy names the user."""
    domains_header: str = ""
    """Header in which a trusted proxy names the user's domains, with commas; empty: none."""
    administrators: frozenset[str] = frozenset()
    """Users who see every mail."""
    user_domains: dict[str, tuple[str, ...]] = Field(default={})
    """What a user sees: mails from and to these domains."""
    domains_claim: str = ""
    """Claim of OpenID Connect that lists the user's domains; empty: none."""
    oidc_issuer: str = ""
    """The provider, as its discovery document names itself (`https://login.example.com/realm`)."""
    oidc_client_id: str = ""
    """Who we are to the provider."""
    oidc_client_secret: SecretStr = SecretStr("")
    """Our secret at the provider."""
    oidc_client_secret_file: Path | None = None
    """File that holds `oidc_client_secret`."""
    session_secret: SecretStr = SecretStr("")
    """Signs the cookie of a session; make one with `openssl rand -hex 32`."""
    session_secret_file: Path | None = None
    """File that holds `session_secret`."""
    session_hours: float = Field(default=8, gt=0)
    """How long a login lasts."""
    tokens: tuple[Token, ...] = ()
    """Programs that may ask the API."""
    requests_per_minute: int = Field(default=120, ge=1)
    """Of one user; the same of one address before anybody logged in."""
    connections: int = Field(default=8, ge=1)
    """Looks into the tables at one time."""
    statement_seconds: float = Field(default=20, gt=0)
    """A look that takes longer is ended."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: set both or none")
        for text in self.trusted_proxies:
            ipaddress.ip_network(text)
        return self
