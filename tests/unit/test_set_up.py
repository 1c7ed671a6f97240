"""deploy/setup.py: what it does, what it leaves alone, and what it says when it cannot."""

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "setup.py"


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, for a clone that is empty but for the files that decide."""
    spec = importlib.util.spec_from_file_location("deploy_setup", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "deploy").mkdir()
    for name in ("uv.lock", "pyproject.toml", "deploy/setup.py"):
        (tmp_path / name).write_text("as it was")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "TOOLS": tmp_path / ".tools",
        "STAMP": tmp_path / ".venv" / "stamp",
        "IN_CI": False,
    }.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def steps(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that it takes, without taking them."""
    taken: list[str] = []

    def sync(profile: str) -> None:
        taken.append(f"sync {profile}")
        (set_up.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (set_up.VENV / "bin" / "python").touch()

    monkeypatch.setattr(set_up, "sync", sync)
    monkeypatch.setattr(set_up, "fetch_jars", lambda: taken.append("jars"))
    monkeypatch.setattr(set_up, "system_packages", lambda: taken.append("packages"))
    return taken


def test_a_second_run_does_nothing(set_up: ModuleType, steps: list[str]) -> None:
    set_up.set_up("run")
    set_up.set_up("run")

    assert steps == ["sync run", "jars"]


@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml", "deploy/setup.py"])
def test_a_change_of_what_decides_is_followed(
    name: str, set_up: ModuleType, steps: list[str], tmp_path: Path
) -> None:
    set_up.set_up("run")
    (tmp_path / name).write_text("another")

    set_up.set_up("run")

    assert steps == ["sync run", "jars"] * 2


def test_the_tests_need_more_and_what_has_more_is_enough(
    set_up: ModuleType, steps: list[str]
) -> None:
    set_up.set_up("run")
    set_up.set_up("test")
    set_up.set_up("lint")
    set_up.set_up("run")

    assert steps == ["sync run", "jars", "packages", "sync test", "jars"]


def test_a_set_up_that_broke_off_is_done_again(
    set_up: ModuleType, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise set_up.SetUpError("no network")

    with monkeypatch.context() as patch:
        patch.setattr(set_up, "fetch_jars", broken)
        assert set_up.main(["run"]) == 1

    assert set_up.main(["run"]) == 0
    assert steps == ["sync run", "sync run", "jars"]


def test_an_old_python_is_told_what_is_needed(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(set_up.shutil, "which", lambda _name: None)

    assert set_up.main(["run"]) == 1
    assert "Python 3.11 or newer is needed, this is 3.9" in capsys.readouterr().err


def test_a_full_disk_is_said_before_it_is_filled(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "free_mb", lambda: 100)

    assert set_up.main(["run"]) == 1
    assert "100 MB are free" in capsys.readouterr().err


def test_a_step_that_fails_is_named_with_what_to_do(
    set_up: ModuleType, steps: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(set_up.SetUpError, match=r"uv sync failed \(exit code 1, see above\); if"):
        set_up.run("uv sync", [sys.executable, "-c", "raise SystemExit(1)"], set_up.NETWORK_HINT)


def test_what_cannot_be_installed_is_a_failure_in_ci_only(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "is_debian_root", lambda: False)

    set_up.system_packages()
    assert "are skipped" in capsys.readouterr().err

    monkeypatch.setattr(set_up, "IN_CI", True)
    with pytest.raises(set_up.SetUpError, match="in CI every test must"):
        set_up.system_packages()


def test_it_reads_on_pythons_that_are_too_old() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
