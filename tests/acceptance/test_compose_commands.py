"""Every command that docker-compose.yml names, as a local process with the same environment.

Only what a container would give is put in its place: the servers' addresses, mounted paths, and a
port of its own for /metrics.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from posttrail_embedded.ports import free_ports

from tests.compose import services
from tests.fix_journal import running_journald
from tests.fix_postgres import execute, on_database
from tests.fix_stack import SAMPLE, TALK
from tests.program import PROGRAM, run
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

SERVICES = services()


@pytest.fixture
def servers(kafka: str, postgres: str) -> Iterator[dict[str, str]]:
    """What replaces the addresses of the containers: nothing made on them yet."""
    name = f"compose_{uuid.uuid4().hex[:8]}"
    execute(postgres, f"CREATE DATABASE {name}")
    yield {
        "POSTTRAIL_KAFKA__BOOTSTRAP": kafka,
        "POSTTRAIL_KAFKA__PREFIX": f"{name}.",
        "POSTTRAIL_POSTGRES__DSN": on_database(postgres, name),
    }
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def environment(service: str, servers: dict[str, str], port: int) -> dict[str, str]:
    given = {**SERVICES[service]["environment"], **servers}
    if "POSTTRAIL_METRICS__PORT" in given:
        given["POSTTRAIL_METRICS__PORT"] = str(port)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, **given}


def command(service: str, mounts: dict[str, str]) -> list[str]:
    words: list[str] = SERVICES[service]["command"]
    return [mounts.get(word, word) for word in words]


def job(service: str, servers: dict[str, str], mounts: dict[str, str] | None = None) -> str:
    """Run it to its end, which must be good; what it says."""
    done = run(*command(service, mounts or {}), env=environment(service, servers, 0))
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def healthy(
    service: str, servers: dict[str, str], log: Path, mounts: dict[str, str] | None = None
) -> Iterator[None]:
    """Run it until the end of the block; its own health check is asked, its end must be good."""
    (port,) = free_ports(1)
    check = SERVICES[service]["healthcheck"]["test"][-1].replace(":9100/", f":{port}/")
    program = [*PROGRAM, *command(service, mounts or {})]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            program, env=environment(service, servers, port), stdout=output, stderr=output
        ) as process,
    ):
        try:
            eventually(lambda: _passes(check), 60)
            yield
        finally:
            process.terminate()
        assert process.wait(30) == 0, log.read_text()


def _passes(check: str) -> bool:
    probe = [sys.executable, "-c", check]
    return subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_every_command_of_the_compose_file_works(servers: dict[str, str], tmp_path: Path) -> None:
    growing = tmp_path / "mail.log"
    growing.write_bytes(TALK.read_bytes())
    job("topics", servers)
    job("migrate", servers)
    job("events-on", servers)
    settings = targets(tmp_path)

    with ExitStack() as running:
        for service in ("processor", "sink", "watch", "events", "webhooks"):
            given = servers | settings if service == "webhooks" else servers
            running.enter_context(healthy(service, given, tmp_path / f"{service}.log"))
        follow = healthy(
            "producer-follow",
            servers,
            tmp_path / "follow.log",
            {"/host-log/mail.log": str(growing)},
        )
        running.enter_context(follow)
        job("producer-file", servers, {"/log": str(SAMPLE)})
        eventually(lambda: _rows(servers) > 1000, 60)


def targets(directory: Path) -> dict[str, str]:
    """What lies in the directory that is mounted for the webhooks."""
    secret = directory / "shop.secret"
    secret.write_text("4f5c")
    file = directory / "posttrail.toml"
    file.write_text(f"""[[webhooks.targets]]
name = "shop"
url = "https://shop.example.com/"
domains = ["nobody.example"]
secret_file = "{secret}"
""")
    return {"POSTTRAIL_CONFIG": str(file)}


def _rows(servers: dict[str, str]) -> int:
    words = job("status", servers).split()
    return int(words[words.index("delivery_from") + 1])


@pytest.mark.journal
@pytest.mark.usefixtures("systemd_python")
def test_the_journal_producer_works(servers: dict[str, str], tmp_path: Path) -> None:
    job("topics", servers)
    with running_journald() as journald:
        given = {**servers, "POSTTRAIL_PRODUCER__JOURNAL__DIRECTORY": str(journald.directory)}
        with healthy("producer-journal", given, tmp_path / "journal.log"):
            pass


def test_every_service_of_ours_is_among_them() -> None:
    ours = {name for name, each in SERVICES.items() if "build" in each}

    assert ours == {
        "topics", "migrate", "processor", "sink", "producer-file", "producer-follow",
        "producer-journal", "status", "watch", "events-on", "events", "webhooks",
    }  # fmt: skip
