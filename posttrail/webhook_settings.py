"""The settings of the webhooks, `[webhooks]`: whose events go where. A part of `config`."""

import ipaddress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from posttrail.server_settings import Section


class Target(Section):
    """Who gets events: a `[[webhooks.targets]]` of its own."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Who it is: in metrics, in logs, and in the name of its consumer group; keep it for good."""
    url: str
    """Where events are posted to: https, or http to this machine."""
    domains: frozenset[str] = Field(min_length=1)
    """It gets the events of mails whose sender is of one of these domains."""
    secret: SecretStr = SecretStr("")
    """Signs what is sent; make one with `openssl rand -hex 32`."""
    secret_file: Path | None = None
    """File that holds `secret`."""

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return url
        if parts.scheme == "http" and parts.hostname and _is_this_machine(parts.hostname):
            return url
        raise ValueError("webhooks go to https://…, or to http:// on this machine")

    @field_validator("domains")
    @classmethod
    def _without_case(cls, domains: frozenset[str]) -> frozenset[str]:
        return frozenset(domain.lower() for domain in domains)

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        if not self.secret.get_secret_value() and self.secret_file is None:
            raise ValueError("what is sent must be signed: set secret_file")
        return self


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Webhooks(Section):
    """`posttrail webhooks`: events posted to other programs; docs/delivery-events.md."""

    group: str = "posttrail-webhooks"
    """Begins the consumer groups: `<group>-<name of the target>`."""
    tries: int = Field(default=10, ge=1)
    """So often an event is sent at the most; then it becomes a dead letter."""
    timeout_seconds: float = Field(default=10, gt=0, le=60)
    """How long a target may take to answer."""
    longest_pause_seconds: float = Field(default=300, gt=0)
    """Pauses between tries double from half a second up to this."""
    targets: tuple[Target, ...] = ()
    """Who gets events."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [target.name for target in self.targets]
        if len(names) != len(set(names)):
            raise ValueError("two targets have one name")
        return self

    def group_of(self, target: Target) -> str:
        """The target's consumer group, without `kafka.prefix`."""
        return f"{self.group}-{target.name}"
