"""The real program in a process of its own, as a person runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-m", "posttrail.cli")
TIMEOUT_S = 180


def environment(**settings: str) -> dict[str, str]:
    """Ours without settings of posttrail, with these: KAFKA__BOOTSTRAP="…" and so on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTTRAIL_")}
    return {**kept, **{f"POSTTRAIL_{name}": value for name, value in settings.items()}}


def run(
    *arguments: str, env: Mapping[str, str], before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; `before` is put before the program."""
    return subprocess.run(
        [*before, *PROGRAM, *arguments], env=env, cwd=ROOT, text=True, capture_output=True,
        timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def run_well(*arguments: str, env: Mapping[str, str]) -> str:
    """Its standard output; it must end with 0."""
    done = run(*arguments, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout
