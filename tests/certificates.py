"""Certificates for the tests: an authority of ours and a foreign one, good and bad ones of each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
KEY_PASSWORD = "opens-the-key-7731"


def _pkcs8(leaf: trustme.LeafCert, encryption: KeySerializationEncryption) -> bytes:
    """Java reads private keys in this form only."""
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class Certificates:
    """All of them, as PEM files in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ours, foreign = trustme.CA(), trustme.CA()
        self.ca = self._written("ca.pem", self._ours.cert_pem.bytes())
        self.foreign_ca = self._written("foreign-ca.pem", foreign.cert_pem.bytes())
        self.server = self._pair("server", self._ours, "127.0.0.1", "localhost")
        self.expired_server = self._pair("expired-server", self._ours, "127.0.0.1", until=YESTERDAY)
        self.misnamed_server = self._pair("misnamed-server", self._ours, "kafka.example.com")
        self.client = self._pair("client", self._ours, "mx1.example.com")
        self.expired_client = self._pair("expired-client", self._ours, "mx1.test", until=YESTERDAY)
        self.foreign_client = self._pair("foreign-client", foreign, "mx1.example.com")

    def _written(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path

    def _pair(
        self, name: str, authority: trustme.CA, *identities: str, until: datetime | None = None
    ) -> "Pair":
        leaf = authority.issue_cert(*identities, common_name=name, not_after=until)
        certificate = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        key = _pkcs8(leaf, NoEncryption())
        locked = _pkcs8(leaf, BestAvailableEncryption(KEY_PASSWORD.encode()))
        return Pair(
            certificate=self._written(f"{name}.crt", certificate),
            key=self._written(f"{name}.key", key),
            locked_key=self._written(f"{name}.locked.key", locked),
            keystore=self._written(f"{name}.pem", key + certificate),
        )


class Pair:
    """A certificate and its key."""

    def __init__(self, certificate: Path, key: Path, locked_key: Path, keystore: Path) -> None:
        self.certificate = certificate
        self.key = key
        self.locked_key = locked_key
        """The same, opened by KEY_PASSWORD."""
        self.keystore = keystore
        """Both in one file, as Kafka reads them."""
