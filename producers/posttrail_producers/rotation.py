"""Names of rotated logs: which belong together, and in which order they were written. Pure.

logrotate: `mail.log.1`, `mail.log.2.gz`, with dateext `mail.log-20261124`; `postfix logrotate`:
`mail.log.20261124-153000.gz` (conf/postfix-script).
"""

import re
from collections.abc import Iterable
from pathlib import Path

_COMPRESSED = re.compile(r"\.(?:gz|xz|zst|bz2)$")
_NUMBERED = re.compile(r"(?P<base>.+)\.(?P<number>\d{1,5})$")
_DATED = re.compile(r"(?P<base>.+?)[.-](?P<date>\d{8}(?:[-T.]?\d{2,6})?)$")


def family(path: Path) -> Path:
    """The name of the log that this file is or was rotated from."""
    return path.with_name(_parts(path.name)[0])


def _parts(name: str) -> tuple[str, tuple[int, int, str]]:
    """The base, and a key that sorts the oldest first: dated, then numbered, then the live file."""
    plain = _COMPRESSED.sub("", name)
    if found := _DATED.match(plain):
        return found["base"], (0, 0, re.sub(r"\D", "", found["date"]))
    if found := _NUMBERED.match(plain):
        return found["base"], (1, -int(found["number"]), "")
    return plain, (2, 0, "")


def oldest_first(paths: Iterable[Path]) -> list[Path]:
    """In the order of writing within a family; families in the order of their first mention."""
    families: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(paths):
        families.setdefault(family(path), []).append(path)
    return [
        path
        for members in families.values()
        for path in sorted(members, key=lambda path: _parts(path.name)[1])
    ]
