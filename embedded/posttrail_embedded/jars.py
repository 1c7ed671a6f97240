"""Kafka's jars: which ones (jars.lock), and where they lie.

They lie beside the Python environment that uses them, so that one set-up depends on nothing else on
the machine and goes away with it. Downloading is posttrail_embedded.fetch's work.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from posttrail.errors import NotReady

KAFKA_VERSION = "4.3.1"
LOCK = Path(__file__).with_name("jars.lock")


class Jar(NamedTuple):
    """A locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str
    """Of the file, in hex."""

    @property
    def file_name(self) -> str:
        """As Maven names it."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        """In Maven's words: group:artifact:version."""
        return f"{self.group}:{self.artifact}:{self.version}"


def directory() -> Path:
    """Where the jars of this Python environment lie."""
    return Path(sys.prefix) / "share" / "posttrail" / f"kafka-{KAFKA_VERSION}"


def locked() -> list[Jar]:
    """Every jar that Kafka needs, as locked: `group:artifact:version sha256:…` a line."""
    return [_jar(*line.split()) for line in LOCK.read_text().splitlines()]


def _jar(coordinate: str, sha256: str) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256.removeprefix("sha256:"))


def missing(place: Path) -> list[Jar]:
    """The locked jars that are not there; a jar is only put there after its sum was checked."""
    return [jar for jar in locked() if not (place / jar.file_name).is_file()]


def classpath(place: Path) -> str:
    """For `java -cp`.

    Raises:
        posttrail.errors.NotReady: a jar is not there yet.
    """
    if absent := missing(place):
        raise NotReady(
            f"{len(absent)} of Kafka's jars are not in {place}; fetch them with "
            f"`{sys.executable} -m posttrail_embedded.fetch`"
        )
    return ":".join(str(place / jar.file_name) for jar in locked())
