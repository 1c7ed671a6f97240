"""Secrets that stand in files: found, read, and put into a connection string.

Knows no setting but by the name it is given. A secret never stands in an error of this module.
"""

import os
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from posttrail.errors import BadSettings

_URI = ("postgresql://", "postgres://")


def place(path: Path) -> Path:
    """Where a file of the settings lies: systemd's LoadCredential= puts it where only we can read.

    systemd.exec(5), "Credentials": the directory is named by $CREDENTIALS_DIRECTORY.
    """
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory and not path.is_absolute() and (Path(directory) / path).exists():
        return Path(directory) / path
    return path.expanduser()


def secret(name: str, given: SecretStr, file: Path | None) -> str:
    """The secret, empty where none is set; a line feed at the end of its file is not part of it.

    Raises:
        BadSettings: both are set, or the file cannot be read; `name` is the setting's.
    """
    said = given.get_secret_value()
    if file is None:
        return said
    if said:
        raise BadSettings(f"{name} and {name}_file are both set: keep one")
    try:
        return place(file).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadSettings(f"{name}_file: cannot read {place(file)}: {why}") from None


def with_password(dsn: str, password: str) -> str:
    """The connection string with this password: the last one counts (libpq)."""
    if dsn.startswith(_URI):
        joint = "&" if "?" in dsn else "?"
        return f"{dsn}{joint}password={quote(password, safe='')}"
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    return f"{dsn} password='{escaped}'"
