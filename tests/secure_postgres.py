"""A PostgreSQL that speaks TLS alone: Debian's, for the embedded one is built without it."""

import os
import subprocess
from pathlib import Path

from posttrail_embedded.database import NAME, EmbeddedPostgres
from psycopg2.extensions import make_dsn

from tests.certificates import Certificates, Pair

PASSWORD = "staple-battery-0815"


def programs() -> Path | None:
    """The newest on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class SecurePostgres(EmbeddedPostgres):
    """Who comes in has a password and TLS."""

    def __init__(self, directory: Path, log: Path, certificates: Certificates, bin_: Path) -> None:
        super().__init__(directory, log, durable=False)
        self._bin = bin_
        self._certificates = certificates

    def dsn(self, database: str = NAME) -> str:
        return make_dsn(super().dsn(database), sslmode="require")

    def strict_dsn(self, database: str = NAME, **more: str) -> str:
        """As a careful person writes it, without the password."""
        port = str(self._port)
        strict = {"sslmode": "verify-full", "sslrootcert": str(self._certificates.ca)}
        given = {"host": "localhost", "port": port, "dbname": database, "user": NAME}
        return make_dsn(**{**given, **strict, **more})

    def _initialize(self) -> None:
        self._data.mkdir(mode=0o700)
        self._give(self._data)
        handed_over = self._directory / "password.new"
        self._new_password(handed_over)
        handed_over.write_text(PASSWORD)
        self._passfile.write_text(f"*:*:*:{NAME}:{PASSWORD}\n")
        subprocess.run(
            [
                *self._prefix(), str(self._bin / "initdb"), "-D", str(self._data), "-U", NAME,
                "--auth=scram-sha-256", f"--pwfile={handed_over}", "--encoding=UTF8",
                "--locale=C", "--no-sync",
            ],
            stdout=subprocess.DEVNULL, cwd="/", check=True,
        )  # fmt: skip
        handed_over.unlink()
        self._settings |= {"ssl": "on", **self._files(self._certificates.server)}
        rules = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(rules)

    def _files(self, pair: Pair) -> dict[str, str]:
        """Copies that the server's account owns, as it demands."""
        given = {"ssl_cert_file": pair.certificate, "ssl_key_file": pair.key}
        for name, file in given.items():
            copy = self._data / name
            copy.write_bytes(file.read_bytes())
            copy.chmod(0o600)
            self._give(copy)
        return {name: name for name in given}

    def present(self, pair: Pair) -> None:
        """Show another certificate from now on."""
        self._files(pair)
        os.kill(int((self._data / "postmaster.pid").read_text().splitlines()[0]), 1)
