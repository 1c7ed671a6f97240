"""deploy/requirements.txt, which hosts are installed from: versions and sums of uv.lock."""

import shlex
import shutil
import subprocess
from pathlib import Path

from tests.missing import missing
from tests.program import ROOT

FILE = ROOT / "deploy/requirements.txt"


def test_the_requirements_are_those_of_the_lock(tmp_path: Path) -> None:
    """Its second line says how it is written anew."""
    uv = shutil.which("uv", path=str(ROOT / ".tools/bin"))
    if uv is None:
        missing("no uv: `make test` brings it")
    _, command, *written = FILE.read_text().splitlines()
    _, *arguments, _ = shlex.split(command.removeprefix("# "))

    anew = tmp_path / "anew.txt"
    subprocess.run([uv, *arguments, anew, "--quiet", "--offline"], cwd=ROOT, check=True)

    assert anew.read_text().splitlines()[2:] == written
    assert all("==" in line for line in written if not line.startswith(" "))
