"""The container image's definition, judged by hadolint and read as text; it is not built here."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.missing import missing
from tests.program import ROOT

DOCKERFILE = ROOT / "deploy/Dockerfile"


def stages() -> list[str]:
    """The text of each stage."""
    return re.split(r"^(?=FROM )", DOCKERFILE.read_text(), flags=re.MULTILINE)[1:]


def test_hadolint_finds_nothing_to_say() -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        missing("no hadolint: it comes with the packages of `make test`")

    done = subprocess.run(
        [program, "--failure-threshold", "style", str(DOCKERFILE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_special_by_number() -> None:
    """By number, so that Kubernetes can see that it is not root."""
    user = re.search(r"^USER (\d+):\d+$", stages()[-1], re.MULTILINE)

    assert user is not None
    assert int(user[1]) >= 10_000


def test_no_compiler_and_no_source_stands_in_the_image() -> None:
    assert "gcc" not in stages()[-1]
    assert re.findall(r"^COPY (.*)$", stages()[-1], re.MULTILINE) == [
        "--from=build /opt/posttrail /opt/posttrail"
    ]


def test_all_that_posttrail_writes_goes_where_a_read_only_root_has_room() -> None:
    assert "POSTTRAIL_HOME=/tmp/" in stages()[-1]


def test_the_engine_is_sent_what_the_wheel_is_made_of_and_nothing_else() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    folders = {name.partition("/")[0] for name in packages["targets"]["wheel"]["packages"]}
    files = {"LICENSE", "README.md", "pyproject.toml", "uv.lock"}

    assert rules[1] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == folders | files
