"""Kafka's jars: locked, checked, fetched once, and plain words when that fails."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jgo.maven import MavenContext
from posttrail_embedded import fetch, jars
from posttrail_embedded.jars import Jar
from posttrail_embedded.ports import free_ports
from tenacity import wait_none

from posttrail.errors import NotReady, Stop, Unreachable

CONTENT = {"first": b"one jar", "second": b"another"}
JARS = [
    Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest())
    for name, content in CONTENT.items()
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def use(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Fetch our jars from there."""
    remote = {"central": f"http://127.0.0.1:{port}"}
    monkeypatch.setattr(fetch, "MavenContext", partial(MavenContext, remote_repos=remote))
    monkeypatch.setattr(fetch, "WAIT", wait_none())
    monkeypatch.setattr(jars, "locked", lambda: JARS)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository with our jars; the directory that they lie in."""
    root = tmp_path / "maven"
    for name, content in CONTENT.items():
        place = root / "org" / "example" / name / "1.0"
        place.mkdir(parents=True)
        (place / f"{name}-1.0.jar").write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    use(monkeypatch, server.server_port)
    yield root / "org" / "example"
    server.shutdown()
    thread.join()
    server.server_close()


def nothing() -> None:
    pass


@pytest.mark.usefixtures("repository")
def test_what_is_missing_is_fetched_and_counted(tmp_path: Path) -> None:
    place = tmp_path / "jars"
    done: list[int] = []

    fetch.fetch(place, lambda: done.append(1))

    assert {each.name: each.read_bytes() for each in place.iterdir()} == {
        f"{name}-1.0.jar": content for name, content in CONTENT.items()
    }
    assert len(done) == 2


def test_what_is_there_is_not_fetched_again(repository: Path, tmp_path: Path) -> None:
    place = tmp_path / "jars"
    fetch.fetch(place, nothing)
    for jar in repository.rglob("*.jar"):
        jar.unlink()

    fetch.fetch(place, nothing)

    assert jars.missing(place) == []


def test_a_file_that_is_not_the_locked_one_is_refused(repository: Path, tmp_path: Path) -> None:
    place = tmp_path / "jars"
    (repository / "second" / "1.0" / "second-1.0.jar").write_bytes(b"something else")

    with pytest.raises(Stop, match=r"org\.example:second:1\.0: the download is not the file"):
        fetch.fetch(place, nothing)

    assert not (place / "second-1.0.jar").exists()


def test_a_network_that_is_away_is_said_and_what_has_arrived_is_kept(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "jars"
    monkeypatch.setattr(jars, "locked", lambda: JARS[:1])
    fetch.fetch(place, nothing)
    use(monkeypatch, free_ports(1)[0])

    with pytest.raises(Unreachable, match="check the network and run the same again"):
        fetch.fetch(place, nothing)

    assert [each.name for each in place.iterdir()] == ["first-1.0.jar"]


def test_a_place_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "locked", lambda: JARS)
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(Stop, match="cannot write Kafka's jars to"):
        fetch.fetch(file / "jars", nothing)


def test_a_kafka_without_its_jars_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"-m posttrail_embedded\.fetch"):
        jars.classpath(tmp_path)


def test_the_lock_names_one_version_of_each_jar() -> None:
    locked = jars.locked()

    assert len({(jar.group, jar.artifact) for jar in locked}) == len(locked)
    assert {jar.version for jar in locked if jar.group == "org.apache.kafka"} == {
        jars.KAFKA_VERSION
    }
    assert all(len(jar.sha256) == 64 for jar in locked)
