"""Set-up of a clone: `.venv` from the lock, Kafka's jars, and for the tests Debian's packages.

`python3 deploy/setup.py run|lint|test`. Only the standard library, and no syntax newer than Python
3.8, so that an older Python can still say what is wrong. All of it is skipped when nothing has
changed since the last time. Runs nothing of posttrail but the download of the jars.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator  # noqa: UP035  # older Pythons read this file, too

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = VENV / "posttrail-set-up"
UV = "uv==0.13.9"
OLDEST_PYTHON = (3, 11)
NEEDED_MB = 900
PROFILES = ("run", "lint", "test")
"""Each holds what those before it hold."""
IN_CI = os.environ.get("CI") == "true"

# What the tests of the journal, of rsyslog, of Postfix, of PostgreSQL by TLS, of the alerts and of
# the web page need.
DEBIAN_PACKAGES = (
    "chromium",
    "gcc",
    "libsystemd-dev",
    "pflogsumm",
    "pkg-config",
    "postfix",
    "postgresql",
    "prometheus",
    "python3-dev",
    "rsyslog",
    "rsyslog-kafka",
    "systemd",
    "systemd-journal-remote",
)
POLICY = Path("/usr/sbin/policy-rc.d")


class SetUpError(Exception):
    """The set-up cannot go on; one line that says how it can."""


def say(text: str) -> None:
    """One line on the terminal."""
    print("set-up: " + text, file=sys.stderr, flush=True)


def run(what: str, command: list[str], hint: str, **env: str) -> None:
    """Run one step with its own progress on the terminal."""
    try:
        code = subprocess.call(command, cwd=str(ROOT), env={**os.environ, **env})
    except OSError as error:
        raise SetUpError(f"{what} failed ({error.strerror}); {hint}") from error
    if code != 0:
        raise SetUpError(f"{what} failed (exit code {code}, see above); {cause()}{hint}")


def cause() -> str:
    """The one cause that can be seen from here."""
    return "the disk is full; " if free_mb() < 50 else ""


def free_mb() -> int:
    """Megabytes free where the clone lies."""
    return shutil.disk_usage(str(ROOT)).free // 2**20


NETWORK_HINT = (
    "if the network is away, run the same again when it is back: what has arrived is kept"
)


def require_python() -> None:
    """Go on with a newer Python where this one is too old and another is at hand."""
    if sys.version_info >= OLDEST_PYTHON:
        return
    for minor in (14, 13, 12, 11):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606  # this same script, from its start
    have = ".".join(str(part) for part in sys.version_info[:2])
    raise SetUpError(f"Python 3.11 or newer is needed, this is {have}: make PYTHON=… names another")


def require_space() -> None:
    """Say so before half of it is installed."""
    if not VENV.exists() and free_mb() < NEEDED_MB:
        raise SetUpError(f"{free_mb()} MB are free below {ROOT}, {NEEDED_MB} MB are needed")


def is_debian_root() -> bool:
    """Whether packages of the system can be installed."""
    return shutil.which("apt-get") is not None and os.geteuid() == 0


def installed(package: str) -> bool:
    """Whether a Debian package is there."""
    status = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return status.stdout.endswith(b" installed")


@contextlib.contextmanager
def no_service_starts() -> Iterator[None]:
    """Debian starts a service as it installs it, unless this file forbids it."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install_debian(packages: list[str]) -> None:
    """Install packages without questions and without starting services."""
    say("Debian packages: " + " ".join(packages))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get update", ["apt-get", "-qq", "update"], NETWORK_HINT, **quiet)
    if "postfix" in packages:
        subprocess.run(
            ["debconf-set-selections"],
            input=b"postfix postfix/main_mailer_type select No configuration\n",
            check=False,
        )
    command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages]
    with no_service_starts():
        run("apt-get install", command, NETWORK_HINT, **quiet)


def system_packages() -> None:
    """What the tests need of the system; where it cannot be installed, those tests are skipped."""
    if is_debian_root():
        absent = [package for package in DEBIAN_PACKAGES if not installed(package)]
        if absent:
            install_debian(absent)
        return
    problem = "not root on a Debian: the tests that need " + ", ".join(DEBIAN_PACKAGES)
    if IN_CI:
        raise SetUpError(problem + " cannot run, and in CI every test must")
    say(problem + " are skipped where these are missing")


def can_build_journal() -> bool:
    """Whether systemd-python can be built here: it has no wheel."""
    if sys.platform != "linux" or not shutil.which("cc") or not shutil.which("pkg-config"):
        return False
    return subprocess.call(["pkg-config", "--exists", "libsystemd"]) == 0


def tool_environment() -> Path:
    """uv in an environment of its own; it makes .venv."""
    uv = TOOLS / "bin" / "uv"
    if uv.exists():
        return uv
    if importlib.util.find_spec("ensurepip") is None:
        if not is_debian_root():
            raise SetUpError(
                "this Python has no venv; on Debian: apt-get install python3-venv, then again"
            )
        install_debian(["python3-venv"])
    say("installing uv")
    again = "run the same again"
    run("python -m venv", [sys.executable, "-m", "venv", "--clear", str(TOOLS)], again)
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q"]
    run("pip install uv", [*pip, "install", UV], NETWORK_HINT)
    return uv


def python_for_venv() -> str:
    """The Python that .venv has; where there is none yet, this one. None is ever downloaded."""
    there = VENV / "bin" / "python"
    return str(there if there.exists() else sys.executable)


def sync(profile: str) -> None:
    """Make .venv what uv.lock says."""
    extras = ["--extra", "all"]
    if profile == "test" and can_build_journal():
        extras += ["--extra", "journal"]
    groups = ["--no-dev"] if profile == "run" else []
    say("installing the packages of uv.lock into .venv")
    run(
        "uv sync",
        [str(tool_environment()), "sync", "--locked", *extras, *groups],
        NETWORK_HINT,
        UV_PROJECT_ENVIRONMENT=str(VENV),
        UV_PYTHON=python_for_venv(),
        UV_PYTHON_DOWNLOADS="never",
    )


def fetch_jars() -> None:
    """Kafka's jars, with a progress bar; it says itself what goes wrong."""
    command = [str(VENV / "bin" / "python"), "-m", "posttrail_embedded.fetch"]
    if subprocess.call(command, cwd=str(ROOT)) != 0:
        raise SetUpError("without its jars there is no Kafka")


def fingerprint() -> str:
    """Of all that decides what is installed."""
    inputs = ("uv.lock", "pyproject.toml", "deploy/setup.py")
    read = (ROOT / name for name in inputs)
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in read)).hexdigest()


def is_done(profile: str) -> bool:
    """Whether the last set-up was for the same files, and for this profile or a larger one."""
    if not STAMP.exists() or not (VENV / "bin" / "python").exists():
        return False
    done, _, sum_then = STAMP.read_text().partition(" ")
    return sum_then == fingerprint() and PROFILES.index(done) >= PROFILES.index(profile)


def set_up(profile: str) -> None:
    """Do what is not done yet."""
    if is_done(profile):
        return
    require_space()
    if profile == "test":
        system_packages()
    STAMP.unlink(missing_ok=True)
    sync(profile)
    fetch_jars()
    STAMP.write_text(f"{profile} {fingerprint()}")
    say("done")


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        print("usage: setup.py " + "|".join(PROFILES), file=sys.stderr)
        return 2
    try:
        require_python()
        set_up(arguments[0])
    except SetUpError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"{error.filename or ROOT}: {error.strerror}; mend that and run the same again")
        return 1
    except KeyboardInterrupt:
        say("stopped; run the same again to go on")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
