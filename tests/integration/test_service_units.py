"""The shipped systemd units, looked at by systemd itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from posttrail.cli.main import app
from tests.missing import missing

SHIPPED = Path(__file__).parents[2] / "deploy/systemd"
UNITS = (
    "posttrail-producer-journal.service",
    "posttrail-producer-file@var-log-mail.log.service",
    "posttrail-processor@1.service",
    "posttrail-sink@1.service",
    "posttrail-watch.service",
    "posttrail-web.service",
    "posttrail-events.service",
    "posttrail-webhooks.service",
)
MOST_EXPOSURE = 20
"""Of 100; systemd calls everything below 50 ok or better."""


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", f"--root={root}", "--no-pager", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root directory of a host where posttrail is installed."""
    if shutil.which("systemd-analyze") is None:
        missing("no systemd-analyze: apt-get install systemd")
    made = tmp_path_factory.mktemp("root")
    units = made / "etc/systemd/system"
    shutil.copytree(SHIPPED, units)
    for program in ("opt/posttrail/bin/posttrail", "bin/kill"):
        (made / program).parent.mkdir(parents=True, exist_ok=True)
        (made / program).write_text("#!/bin/sh\n")
        (made / program).chmod(0o755)
    for target in ("sysinit", "basic", "network-online", "multi-user", "shutdown"):
        (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    return made


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_say_of_a_unit(root: Path, unit: str) -> None:
    done = analyze(root, "verify", unit)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_hardened(root: Path, unit: str) -> None:
    done = analyze(root, "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", unit)

    assert done.returncode == 0, done.stdout


def test_a_unit_without_the_common_settings_would_be_noticed(root: Path) -> None:
    (root / "etc/systemd/system/bare.service").write_text("[Service]\nExecStart=/bin/kill\n")

    done = analyze(root, "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "bare")

    assert done.returncode != 0


def test_units_call_commands_that_exist() -> None:
    commands = getattr(typer.main.get_command(app), "commands", {})

    called = [
        words.split()
        for unit in SHIPPED.glob("*.service")
        for words in re.findall(r"^Exec\w+=\S+/posttrail (.*)$", unit.read_text(), re.MULTILINE)
    ]

    assert len(called) >= len(UNITS)
    for name, *rest in called:
        options = {option for one in commands[name].params for option in one.opts}
        below = getattr(commands[name], "commands", {})
        if rest and rest[0] in below:
            options = {option for one in below[rest[0]].params for option in one.opts}
        assert {word for word in rest if word.startswith("--")} <= options
