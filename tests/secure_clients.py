"""Settings of clients that the secure servers let in, and how each becomes one they do not."""

from typing import Any, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from posttrail.kafka_rules import Rule
from tests.certificates import Certificates, Pair
from tests.secure_kafka import PASSWORD, SecureKafka
from tests.waiting import eventually


class Client(NamedTuple):
    """Settings of `[kafka]`."""

    kafka: dict[str, Any]

    def but(self, **changes: Any) -> "Client":
        return Client({**self.kafka, **changes})

    def environment(self) -> dict[str, str]:
        """As variables without POSTTRAIL_."""
        return {f"KAFKA__{name.upper()}": str(value) for name, value in self.kafka.items()}


def shown(pair: Pair) -> dict[str, str]:
    """Settings of a client that shows this certificate."""
    return {"cert_file": str(pair.certificate), "key_file": str(pair.key)}


def by_password(server: SecureKafka, made: Certificates, user: str = "processor") -> Client:
    """TLS of the broker alone, and a user with a password."""
    return Client(
        {
            "bootstrap": server.at("SASL_TLS"),
            "security": "sasl_tls",
            "ca_file": str(made.ca),
            "username": user,
            "password": PASSWORD,
        }
    )


def by_both(server: SecureKafka, made: Certificates, user: str) -> Client:
    """Mutual TLS, and a user with a password."""
    return by_password(server, made, user).but(
        bootstrap=server.at("SASL_MUTUAL"), **shown(made.client)
    )


def by_certificate(server: SecureKafka, made: Certificates) -> Client:
    """Mutual TLS: the certificate says who comes."""
    return Client(
        {
            "bootstrap": server.at("MUTUAL"),
            "security": "tls",
            "ca_file": str(made.ca),
            **shown(made.client),
        }
    )


def _binding(rule: Rule, prefix: str, user: str) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if rule.prefixed else ResourcePatternType.LITERAL
    operation = (
        "DESCRIBE_CONFIGS" if rule.operation == "DescribeConfigs" else rule.operation.upper()
    )
    return AclBinding(
        ResourceType[rule.kind.name], prefix + rule.name, pattern, f"User:{user}", "*",
        AclOperation[operation], AclPermissionType.ALLOW,
    )  # fmt: skip


class Rulers:
    """Who may do what; the broker is asked through its plain listener, where all is allowed."""

    def __init__(self, server: SecureKafka) -> None:
        self._admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})

    def allow(self, user: str, prefix: str, *rules: Rule) -> None:
        """These rules and no other for this user."""
        for gone in self._admin.delete_acls([_all_of(user)]).values():
            gone.result(30)
        wanted = [_binding(rule, prefix, user) for rule in rules]
        for made in (self._admin.create_acls(wanted) if wanted else {}).values():
            made.result(30)
        eventually(lambda: set(self._of(user)) == set(wanted))

    def _of(self, user: str) -> list[AclBinding]:
        found: list[AclBinding] = self._admin.describe_acls(_all_of(user)).result(30)
        return found


def _all_of(user: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{user}", None,
        AclOperation.ANY, AclPermissionType.ANY,
    )  # fmt: skip
