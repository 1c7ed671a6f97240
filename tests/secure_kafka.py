"""A Kafka with rules and a listener for every way to come in, good and bad."""

import subprocess
from pathlib import Path

from posttrail_embedded import jars
from posttrail_embedded.broker import EmbeddedKafka
from posttrail_embedded.ports import LOOPBACK, free_ports

from posttrail import kafka_rules
from tests.certificates import Certificates, Pair

PASSWORD = "correct-horse-battery-4711"
"""Of every user."""
USERS = tuple(kafka_rules.PARTS)

_SASL = "org.apache.kafka.common.security"


class SecureKafka(EmbeddedKafka):
    """Its plain listener is for the tests themselves: who comes there may do everything."""

    def __init__(self, directory: Path, log: Path, certificates: Certificates) -> None:
        super().__init__(directory, log)
        self._certificates = certificates
        self.ports: dict[str, int] = {}

    def at(self, listener: str) -> str:
        """Bootstrap string of a listener."""
        return f"{LOOPBACK}:{self.ports[listener]}"

    def _configure(self, broker: int, controller: int) -> None:
        super()._configure(broker, controller)
        protocols = {
            "TLS": "SSL",
            "MUTUAL": "SSL",
            "SASL_TLS": "SASL_SSL",
            "SASL_MUTUAL": "SASL_SSL",
            "SASL_PLAIN": "SASL_PLAINTEXT",
            "EXPIRED": "SASL_SSL",
            "MISNAMED": "SASL_SSL",
        }
        self.ports = dict(zip(protocols, free_ports(len(protocols)), strict=True))
        file = self._directory / "server.properties"
        lines = []
        for line in file.read_text().splitlines():
            key, _, value = line.partition("=")
            if key in ("listeners", "advertised.listeners"):
                value += "".join(f",{name}://{self.at(name)}" for name in protocols)
            if key == "listener.security.protocol.map":
                value += "".join(f",{name}:{kind}" for name, kind in protocols.items())
            lines.append(f"{key}={value}" if key else line)
        made = self._certificates
        lines += [
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "connection.failed.authentication.delay.ms=0",
            "ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
            *self._tls("TLS", made.server, "none"),
            *self._tls("MUTUAL", made.server, "required"),
            *self._tls("SASL_TLS", made.server, "none"),
            *self._tls("SASL_MUTUAL", made.server, "required"),
            *self._tls("EXPIRED", made.expired_server, "none"),
            *self._tls("MISNAMED", made.misnamed_server, "none"),
        ]
        for name, kind in protocols.items():
            if kind.startswith("SASL"):
                lines += self._sasl(name)
        file.write_text("\n".join(lines) + "\n")

    def _tls(self, listener: str, pair: Pair, client: str) -> list[str]:
        begin = f"listener.name.{listener.lower()}.ssl"
        return [
            f"{begin}.keystore.type=PEM",
            f"{begin}.keystore.location={pair.keystore}",
            f"{begin}.truststore.type=PEM",
            f"{begin}.truststore.location={self._certificates.ca}",
            f"{begin}.client.auth={client}",
        ]

    def _sasl(self, listener: str) -> list[str]:
        begin = f"listener.name.{listener.lower()}"
        users = " ".join(f'user_{user}="{PASSWORD}"' for user in USERS)
        scram = f"{_SASL}.scram.ScramLoginModule required;"
        return [
            f"{begin}.scram-sha-256.sasl.jaas.config={scram}",
            f"{begin}.scram-sha-512.sasl.jaas.config={scram}",
            f"{begin}.plain.sasl.jaas.config={_SASL}.plain.PlainLoginModule required {users};",
        ]

    def _format(self, classpath: str) -> None:
        """Give the data directory a cluster id and the users' secrets."""
        scram = [
            argument
            for user in USERS
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={PASSWORD}]")
        ]
        command = self._java(
            classpath, "128m", "kafka.tools.StorageTool", "format", "--ignore-formatted",
            "--cluster-id=cmVhbGx5LXNlY3VyZS1vbg", *scram,
            "--config", str(self._directory / "server.properties"),
        )  # fmt: skip
        with self._log.open("ab") as output:
            subprocess.run(command, stdout=output, stderr=output, check=True)


def started(directory: Path, certificates: Certificates) -> SecureKafka:
    """A running one."""
    jars.classpath(jars.directory())
    server = SecureKafka(directory, directory / "kafka.log", certificates)
    server.start()
    return server
